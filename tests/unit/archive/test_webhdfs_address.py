import pytest

from shared.archive.webhdfs import WebHdfsAddress
from shared.events.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "name_nodes", "root", "user"),
    [
        ("webhdfs://nn1", ("http://nn1:9870",), "", "metrla"),
        ("webhdfs://nn1:50070/", ("http://nn1:50070",), "", "metrla"),
        ("webhdfs://nn1:9870/user/metrla/?user=traffic", ("http://nn1:9870",), "/user/metrla", "traffic"),
        ("webhdfs://nn1:9870,nn2/a%20b", ("http://nn1:9870", "http://nn2:9870"), "/a b", "metrla"),
        ("swebhdfs://nn1,nn2:444/x", ("https://nn1:9871", "https://nn2:444"), "/x", "metrla"),
        ("webhdfs://[::1]:9870/x", ("http://[::1]:9870",), "/x", "metrla"),
    ],
)
def test_a_url_names_nodes_root_and_user(url: str, name_nodes: tuple[str, ...], root: str, user: str) -> None:
    assert WebHdfsAddress.parse(url) == WebHdfsAddress(name_nodes, root, user)


@pytest.mark.parametrize(
    "url",
    [
        "webhdfs:///folder",
        "webhdfs://nn1,,nn2/",
        "webhdfs://nn1:port/",
        "webhdfs://nn1:99999/",
        "webhdfs://me@nn1/",
        "webhdfs://nn1/../etc",
        "webhdfs://nn1/.hidden",
        "webhdfs://nn1/?token=x",
        "webhdfs://nn1/?user=",
        "hdfs://nn1:8020/",
    ],
)
def test_another_form_is_refused_with_the_right_one(url: str) -> None:
    with pytest.raises(ConfigurationError, match="webhdfs://namenode:9870/folder"):
        WebHdfsAddress.parse(url)

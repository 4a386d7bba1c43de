"""`metrla models`: the models in an archive, which of them serves, and those that come with metrla."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metrla.cli.querying.output import Column, FormatOption, Kind, OutOption, Output
from metrla.cli.querying.selection import ArchiveOption, require_known
from metrla.terminal import say
from shared.events.errors import ConfigurationError, ModelError
from shared.events.records import NetworkId
from shared.runtime.settings import PlatformSettings, read_settings
from shared.traffic.folder import EXAMPLE_NETWORK, load_network, load_networks
from shared.traffic.network import Network

if TYPE_CHECKING:
    from shared.archive.port import Archive
    from shared.forecasting.models.artefact import Artefact
    from shared.forecasting.registry.registry import Listing
    from shared.forecasting.registry.roles import Champion

app = typer.Typer(help="List the trained models of a network, look at one, choose which serves.", no_args_is_help=True)

ModelsNetworkOption = Annotated[
    str,
    typer.Option("--network", help="Id of the network, or its folder.", show_default="la-example", metavar="NETWORK"),
]
EXAMPLE = str(EXAMPLE_NETWORK)
COLUMNS = (
    Column("model"),
    Column("version"),
    Column("role"),
    Column("created_at"),
    Column("mae_15", Kind.NUMBER),
    Column("mae_30", Kind.NUMBER),
    Column("mae_60", Kind.NUMBER),
    Column("megabytes", Kind.NUMBER),
    Column("trained_on"),
)
ModelArgument = Annotated[str, typer.Argument(help="Its name, as xgboost.")]
VersionArgument = Annotated[str | None, typer.Argument(help="Its version.", show_default="the newest")]


@app.command("list")
def list_(
    network: ModelsNetworkOption = EXAMPLE,
    form: FormatOption = None,
    out: OutOption = None,
    archive_url: ArchiveOption = None,
) -> None:
    """List all versions, newest first, with their errors on the test part of their training data (MAE in mph)."""
    from shared.forecasting.models.forecaster import PREFERRED  # noqa: PLC0415 - `metrla --help` need not wait for it
    from shared.forecasting.registry.registry import listing  # noqa: PLC0415 - likewise
    from shared.forecasting.registry.roles import champions  # noqa: PLC0415 - likewise

    network_id = _network_id(network)
    with closing(_open(archive_url)) as archive:
        there = listing(archive, network_id)
        promoted = next(iter(champions(archive, network_id)), None)
        names = [name for name in PREFERRED if name in there.versions]
        names += [name for name in there.versions if name not in PREFERRED]
        serves = promoted.model_name if promoted and promoted.model_name in names else next(iter(names), None)
        rows = [
            _row(archive, network_id, name, version, _role(name, version, serves, promoted, there))
            for name in names
            for version in there.versions[name]
        ]
    if not rows and not Path(network).is_dir():
        require_known(read_settings(PlatformSettings), network)
    Output.choose(form, out).write(COLUMNS, rows, f"no model of network {network_id}: `metrla train` makes one")


@app.command()
def show(
    model: ModelArgument,
    version: VersionArgument = None,
    network: ModelsNetworkOption = EXAMPLE,
    archive_url: ArchiveOption = None,
) -> None:
    """Print the card of a model as JSON: where it comes from, how good it is, what it was made with."""
    from shared.forecasting.registry.registry import read_artefact  # noqa: PLC0415 - likewise

    network_id = _network_id(network)
    with closing(_open(archive_url)) as archive:
        which = _existing(archive, network_id, model, version)
        say(read_artefact(archive, network_id, model, which).card.decode(errors="replace"))


@app.command()
def promote(
    model: ModelArgument,
    version: Annotated[str | None, typer.Argument(help="Stay with this one.", show_default="always the newest")] = None,
    reason: Annotated[str, typer.Option(help="Why, for whoever reads it later.")] = "by command",
    network: ModelsNetworkOption = EXAMPLE,
    archive_url: ArchiveOption = None,
) -> None:
    """Make a model the network's champion: running predictors serve its forecasts within seconds, without a gap."""
    from shared.forecasting.registry.registry import read_artefact  # noqa: PLC0415 - likewise
    from shared.forecasting.registry.roles import Champion  # noqa: PLC0415 - likewise
    from shared.forecasting.registry.roles import promote as choose  # noqa: PLC0415 - likewise

    network_id = _network_id(network)
    with closing(_open(archive_url)) as archive:
        which = _existing(archive, network_id, model, version)
        _check(read_artefact(archive, network_id, model, which), model, which)
        choose(archive, network_id, Champion(model, version, datetime.now(UTC), reason))
    say(f"{model} {version or 'in its newest version'} is the champion of {network_id}")


@app.command()
def rollback(network: ModelsNetworkOption = EXAMPLE, archive_url: ArchiveOption = None) -> None:
    """Undo the last promotion: the champion before it serves again."""
    from shared.forecasting.registry.roles import roll_back  # noqa: PLC0415 - likewise

    network_id = _network_id(network)
    with closing(_open(archive_url)) as archive:
        champion = roll_back(archive, network_id)
    if champion is None:
        say(f"no champion of {network_id} is chosen any more: the best kind of model available serves")
    else:
        say(f"{champion.model_name} {champion.version or 'in its newest version'} is the champion again")


@app.command()
def install(
    network: Annotated[str, typer.Argument(help="Folder of the network, or its id.", metavar="NETWORK")] = "metr-la",
    archive_url: ArchiveOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also for a network with other edges, or with some other sensors.")
    ] = False,
    history: Annotated[
        Path | None,
        typer.Option(
            help="Readings up to now, as for `metrla feed replay`: the predictor begins with their recent speeds.",
            exists=True,
            dir_okay=False,
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """Put the models that come with metrla into the archive, for the network that they were trained for.

    A folder is recognised by its sensors and edges, whatever its id is. So is an id that METRLA_NETWORKS has a folder
    of. Of any other id nothing is known but the models' own: a predictor refuses them where they do not fit.
    """
    from metrla.data.feeds.files.times import PLAIN  # noqa: PLC0415 - likewise
    from metrla.data.recent_speeds import recent_in_file  # noqa: PLC0415 - likewise
    from shared.forecasting.registry.pretrained import PretrainedModels  # noqa: PLC0415 - likewise
    from shared.forecasting.registry.pretrained import install as copy  # noqa: PLC0415 - likewise
    from shared.forecasting.registry.recent_speeds import keep_recent  # noqa: PLC0415 - likewise
    from shared.forecasting.registry.registry import listing  # noqa: PLC0415 - likewise

    shipped, roads = PretrainedModels(), _configured(network)
    if roads is None:
        shipped_id = network_id = NetworkId(network)
        if shipped_id not in shipped.networks:
            known = ", ".join(shipped.networks) or "none"
            raise ConfigurationError(f"no models come with metrla for {network}: {known}; name the network's folder")
    else:
        found, network_id = shipped.recognise(roads), roads.network_id
        if found.shipped_id is None or not (found.fits or force):
            more = "" if found.shipped_id is None else "; --force installs them all the same"
            raise ConfigurationError(f"network {network_id}: {found.reason}{more}")
        shipped_id = found.shipped_id
        say(f"network {network_id} is {shipped_id} by its sensors and edges" if found.fits else str(found.reason))
    if history is not None and roads is None:
        raise ConfigurationError("--history: name the folder of the network that the readings are of")
    with closing(_open(archive_url)) as archive:
        if roads is not None and history is not None:
            # Before the models: a history that does not fit is refused, and nothing is done by halves.
            say(keep_recent(archive, roads, recent_in_file(history, roads, None, PLAIN, skip_unknown=False)))
        for folder in copy(shipped, shipped_id, archive, network_id):
            say(folder)
        there, mine = listing(archive, network_id).versions, listing(shipped, shipped_id).versions
    for name, versions in mine.items():
        if there[name][0] not in versions:
            say(f"{name} {there[name][0]} is newer: `metrla models promote {name} {versions[0]}` prefers this one")


def _open(url: str | None) -> "Archive":
    from shared.archive.url import open_archive  # noqa: PLC0415 - likewise

    return open_archive(read_settings(PlatformSettings).archive_url if url is None else url)


def _configured(network: str) -> Network | None:
    """The network of a folder, or of an id among those that are configured; `None` where it is neither."""
    if Path(network).is_dir():
        return load_network(Path(network))
    folders = read_settings(PlatformSettings).networks
    return load_networks(folders).get(NetworkId(network)) if folders else None


def _network_id(network: str) -> NetworkId:
    return load_network(Path(network)).network_id if Path(network).is_dir() else NetworkId(network)


def _existing(archive: "Archive", network_id: NetworkId, model: str, version: str | None) -> str:
    from shared.forecasting.registry.registry import listing  # noqa: PLC0415 - likewise

    there = listing(archive, network_id).versions
    versions = there.get(model, ())
    if not versions:
        raise ConfigurationError(
            f"no model {model} of {network_id} in the archive, which has {', '.join(there) or 'none at all'}"
        )
    if version is not None and version not in versions:
        raise ConfigurationError(f"no version {version} of {model}, there is {', '.join(versions)}")
    return version or versions[0]


def _role(name: str, version: str, serves: str | None, promoted: "Champion | None", there: "Listing") -> str:
    pinned = promoted.version if promoted is not None and promoted.model_name == name else None
    current = pinned if pinned in there.versions[name] else there.versions[name][0]
    if version != current:
        return ""
    return "champion" if name == serves else "challenger"


def _row(archive: "Archive", network_id: NetworkId, name: str, version: str, role: str) -> tuple[Any, ...]:
    from shared.forecasting.models.card import ModelCard  # noqa: PLC0415 - likewise
    from shared.forecasting.registry.registry import read_artefact  # noqa: PLC0415 - likewise

    artefact = read_artefact(archive, network_id, name, version)
    try:
        card = ModelCard.read(artefact.card)
    except ModelError:
        return (name, version, "damaged", "", None, None, None, None, "")
    test = card.results.get("test", {})
    errors = [found.mae if (found := test.get(minutes)) else None for minutes in (15, 30, 60)]
    created = "" if card.created_at is None else card.created_at.isoformat(timespec="seconds")[:19]
    source = "" if card.training_data is None else card.training_data.source
    megabytes = sum(map(len, artefact.files.values())) / 1e6
    return (name, version, role, created, *errors, megabytes, source)


def _check(artefact: "Artefact", model: str, version: str) -> None:
    from shared.forecasting.models.card import ModelCard  # noqa: PLC0415 - likewise

    try:
        ModelCard.read(artefact.card).check(artefact.files)
    except ModelError as unfit:
        raise ModelError(f"{model} {version}: {unfit}; it cannot be promoted") from unfit

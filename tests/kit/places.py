"""Where things are: the checkout, and the real data sets, which may be absent."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("METRLA_DATA", ROOT.parent / "shared" / "data"))
METR_LA = DATA / "metr_la"
ORANGE = DATA / "orange_d12_2022"
EXAMPLE = ROOT / "shared" / "traffic" / "example"

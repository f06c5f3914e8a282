"""Google's political advertising of 2018-05 to 2020-01 as events: a tenant is an advertiser, an event a week's spend.

The time is the first day of the week, the amount the spend in US dollars, zero where Google rounds it away. The order
is the election cycle, which a tenth of the rows lack. Restated weeks are not in the data.
"""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

from sandbox.tenants.events import Event
from sandbox.tenants.real import RealEvent, find_file

SPEND = "spend"
_FILE = "google_political_ads/advertiser_weekly_spend_2018-05_2020-01.csv.gz"
_NO_CYCLE = "no-cycle"


def read_political(folder: Path) -> Iterator[RealEvent]:
    """All weeks of all advertisers, in the order of the file.

    Raises:
        RefusedError: The file is not there.
    """
    with gzip.open(find_file(folder, _FILE), "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            cycle, week = row["Election_Cycle"] or _NO_CYCLE, row["Week_Start_Date"]
            event = Event(
                event_id=f"{cycle}-{week}",
                customer_id=None,
                event_at=f"{week} 00:00:00",
                event_type=SPEND,
                order_id=cycle,
                quantity=1,
                amount=row["Spend_USD"],
                updated_at=None,
            )
            yield RealEvent(row["Advertiser_ID"], row["Advertiser_Name"], event)

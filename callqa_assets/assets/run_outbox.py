"""The outbox of a run."""

import dagster as dg

from callqa_assets.warehouse.outbox import Outbox
from resources.dagster_resources import HomeResource, NotifierResource
from resources.notifier.receiver_config import ChannelsError

BACKFILL_TAG = "dagster/backfill"
"""Tag that Dagster puts on every run of a backfill."""


def open_outbox(
    context: dg.AssetExecutionContext, notifier: NotifierResource, home: HomeResource
) -> Outbox:
    """With a bad channels file alerts and spikes are stored all the same, and wait."""
    is_backfill, calendar = BACKFILL_TAG in context.run.tags, home.open().calendar
    try:
        max_age = notifier.open().settings.deliver_max_age
    except ChannelsError as error:
        context.log.error("%s; what is found is stored, and waits to be delivered", error)
        return Outbox(is_backfill=is_backfill, calendar=calendar)
    return Outbox(max_age, is_backfill, calendar)

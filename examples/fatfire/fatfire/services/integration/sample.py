"""The sample household: the files of samples/ go the way of any upload."""

from decimal import Decimal
from pathlib import Path

from fatfire.models import Holdings, NewUser, StatementImport
from fatfire.services import exchange
from fatfire.services.core.holdings import save_holdings
from fatfire.services.core.users import save_user

from .imports import open_import
from .store import service, statements

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
FILES = ("harbour-accounts.ofx", "harbour-card.ofx", "pacific-ridge.ofx", "nordlicht.csv")


@service.post("/users/{user}/sample", status=202)
def load_sample(user: str) -> list[StatementImport]:
    """Fills the household of `user` with invented data; answers the imports that are now under way."""
    exchange.ensure_loaded()
    save_user(user, NewUser(name="Mira Okafor", currency="AUD", target=Decimal("3250000.00")))
    save_holdings(user, Holdings.model_validate_json((SAMPLES / "holdings.json").read_bytes()))
    records = [open_import(user, name) for name in FILES]
    for record in records:
        statements.put(record.key, (SAMPLES / record.filename).read_bytes())
    return records

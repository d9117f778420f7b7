"""Portfolios, assets and liabilities: what is not a bank account and is valued by hand or by file."""

from fatfire.models import Asset, Holding, Holdings, Liability, NewAsset, NewLiability, NewPortfolio, Portfolio
from fatfire.services import exchange
from portable import Change, InvalidArgument

from .ledger import assets, liabilities, portfolios, service, users
from .net_worth import recompute


def everything(owner: str) -> Holdings:
    return Holdings(
        portfolios=tuple(NewPortfolio(id=p.id, name=p.name) for p in portfolios.query(owner, limit=1000).items),
        assets=tuple(NewAsset(**a.model_dump(exclude={"owner"})) for a in assets.query(owner, limit=1000).items),
        liabilities=tuple(
            NewLiability(**debt.model_dump(exclude={"owner"})) for debt in liabilities.query(owner, limit=1000).items
        ),
    )


@service.get("/users/{user}/holdings")
def read_holdings(user: str) -> Holdings:
    users.require(user)
    return everything(user)


@service.put("/users/{user}/holdings")
def save_holdings(user: str, body: Holdings) -> Holdings:
    """Adds or replaces the portfolios, assets and liabilities of the body, by their ids; others stay."""
    users.require(user)
    exchange.ensure_loaded()
    known = {portfolio.id for portfolio in (*portfolios.query(user, limit=1000).items, *body.portfolios)}
    for holding in (*body.assets, *body.liabilities):
        if holding.portfolio not in known:
            raise InvalidArgument(
                f"{holding.id!r} is in portfolio {holding.portfolio!r}, which does not exist",
                hint="add it to `portfolios` of the same body",
            )
        check_convertible(holding)
    left = (
        portfolios.batch_write([Portfolio(owner=user, **p.model_dump()) for p in body.portfolios]),
        assets.batch_write([Asset(owner=user, **asset.model_dump()) for asset in body.assets]),
        liabilities.batch_write([Liability(owner=user, **debt.model_dump()) for debt in body.liabilities]),
    )
    for failures in left:
        if failures:
            raise InvalidArgument("not everything was stored", hint="send it again; nothing is doubled")
    return everything(user)


def check_convertible(holding: Holding) -> None:
    """Refuses a currency that could not be converted when net worth is asked for."""
    row = exchange.open_book().row(holding.valuations[-1].on)
    if holding.currency not in row.rates:
        raise InvalidArgument(
            f"{holding.id!r}: there is no rate for {holding.currency!r} on {row.day}", hint=row.known()
        )


@service.get("/users/{user}/portfolios/{portfolio}/assets")
def portfolio_assets(user: str, portfolio: str) -> list[Asset]:
    """The assets of one portfolio; newly added ones show within a second."""
    portfolios.require(user, portfolio)
    return assets.query_index("by_portfolio", portfolio, user, limit=1000).items


@service.delete("/users/{user}/assets/{asset}")
def remove_asset(user: str, asset: str) -> None:
    assets.require(user, asset)
    assets.delete(user, asset)


@service.delete("/users/{user}/liabilities/{liability}")
def remove_liability(user: str, liability: str) -> None:
    liabilities.require(user, liability)
    liabilities.delete(user, liability)


@assets.on_change
def asset_changed(change: Change[Asset]) -> None:
    recompute(change.pk)


@liabilities.on_change
def liability_changed(change: Change[Liability]) -> None:
    recompute(change.pk)

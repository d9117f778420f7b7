"""Transactions as the page lists them: over all accounts, newest first, with a guess at what they were for."""

from fatfire.models import LedgerLine, Transaction
from fatfire.services.core.ledger import accounts, transactions, users

from .store import service

CATEGORIES = {
    "Income": ("salary", "dividend", "interest", "zinsen", "refund", "miete einnahmen"),
    "Home": ("home loan", "roof", "rent"),
    "Groceries": ("grocer", "bakery", "deli"),
    "Utilities": ("energy", "water", "broadband", "subscription"),
    "Investing": ("bought", "sold", "brokerage", "wire"),
    "Transfer": ("transfer", "card payment", "payment received"),
    "Transport": ("petrol", "metro", "air"),
    "Health": ("pharmacy", "dental", "medical"),
    "Eating out": ("cafe", "kitchen", "restaurant"),
    "Fees": ("fee", "kontoführung"),
    "Travel": ("reise", "hotel"),
    "Cash": ("withdrawal",),
}


def category_of(description: str) -> str:
    """The first category that has a word in the description."""
    text = description.casefold()
    return next((name for name, words in CATEGORIES.items() if any(word in text for word in words)), "Other")


def line(entry: Transaction, names: dict[str, str]) -> LedgerLine:
    return LedgerLine(
        account=names.get(entry.account, entry.account),
        day=entry.day,
        amount=entry.amount,
        currency=entry.currency,
        description=entry.description,
        category=category_of(entry.description),
    )


@service.get("/users/{user}/transactions")
def latest_transactions(user: str, limit: int = 20) -> list[LedgerLine]:
    """The newest transactions of all accounts; ones that were just imported show within a second."""
    users.require(user)
    names = {account.id: account.name for account in accounts.query(user, limit=1000).items}
    found = transactions.query_index("by_owner", user, reverse=True, limit=limit).items
    return [line(entry, names) for entry in found]

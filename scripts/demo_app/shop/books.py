"""What there is to buy."""

from __future__ import annotations

BOOKS = {1: ("Middlemarch", 1250), 2: ("Bleak House", 1190), 3: ("Villette", 980)}


class Shelf:
    """The books, to look at."""

    def titles(self) -> list[str]:
        """List the titles."""
        return sorted(title for title, _ in BOOKS.values())

    def find(self, number: int) -> tuple[str, int]:
        """Find a book: its title and its price in cents."""
        return BOOKS[number]

    def by_author(self, author: str) -> list[str]:
        """List an author's titles; nobody ever asked."""
        return [title for title, _ in BOOKS.values() if author in title]


def price(cents: int) -> str:
    """Write a price."""
    return f"{cents / 100:.2f}"


def price_with_coupon(cents: int, percent: int) -> str:
    """Write a price with a coupon of the campaign of some years ago."""
    return price(cents * (100 - percent) // 100)

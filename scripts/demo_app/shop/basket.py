"""What a customer has chosen."""

from __future__ import annotations

from shop.books import Shelf, price


class Basket:
    """A basket of book numbers."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def add(self, number: int) -> None:
        """Put a book in."""
        self.numbers.append(number)

    def remove(self, number: int) -> None:
        """Take a book out; there has not been a button for it since the redesign."""
        self.numbers.remove(number)

    def total(self) -> str:
        """Add up the prices."""
        return price(sum(Shelf().find(number)[1] for number in self.numbers))


def send_by_fax(basket: Basket) -> str:
    """Order by fax."""
    return "\n".join(map(str, basket.numbers))

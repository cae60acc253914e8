"""The shop's pages."""

from __future__ import annotations

from flask import Flask

from shop.basket import Basket
from shop.books import Shelf, price

app = Flask(__name__)
basket = Basket()


@app.get("/")
def home() -> str:
    """Welcome."""
    return "Welcome to the shop\n"


@app.get("/books")
def books() -> str:
    """Show all titles."""
    return "\n".join(Shelf().titles()) + "\n"


@app.get("/books/<int:number>")
def book(number: int) -> str:
    """Show a book."""
    title, cents = Shelf().find(number)
    return f"{title}: {price(cents)}\n"


@app.get("/basket/add/<int:number>")
def add(number: int) -> str:
    """Put a book into the basket."""
    basket.add(number)
    return "Added\n"


@app.get("/basket")
def show() -> str:
    """Show the basket."""
    return f"{len(basket.numbers)} books, {basket.total()}\n"


@app.get("/newsletter")
def newsletter() -> str:
    """Subscribe; no page links here any more."""
    return "Subscribed\n"

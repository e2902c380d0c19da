"""The shopping cart: prices in cents, so that sums are exact."""

from dataclasses import dataclass, field


@dataclass
class Cart:
    """What a customer is about to buy."""

    items: list[tuple[str, int, int]] = field(default_factory=list)
    discount_percent: int = 0

    def add(self, name: str, price_cents: int, quantity: int = 1) -> None:
        """Put something into the cart.

        Raises:
            ValueError: the price or the quantity makes no sense.
        """
        if price_cents < 0 or quantity < 1:
            raise ValueError(f"cannot add {quantity} x {name} at {price_cents} cents")
        self.items.append((name, price_cents, quantity))

    def total_cents(self) -> int:
        """The sum to pay, the discount taken off and rounded in the customer's favour."""
        total = sum(price * quantity for _, price, quantity in self.items)
        return total * (100 - self.discount_percent) // 100

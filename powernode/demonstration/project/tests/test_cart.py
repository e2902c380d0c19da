"""What a customer may rely on."""

import unittest

from shop.cart import Cart


class CartTest(unittest.TestCase):
    def test_an_empty_cart_costs_nothing(self):
        self.assertEqual(Cart().total_cents(), 0)

    def test_quantities_are_multiplied(self):
        cart = Cart()
        cart.add("tea", 350, quantity=3)
        self.assertEqual(cart.total_cents(), 1050)

    def test_a_discount_is_rounded_in_the_customers_favour(self):
        cart = Cart(discount_percent=15)
        cart.add("cup", 999)
        self.assertEqual(cart.total_cents(), 849)

    def test_a_negative_price_is_refused(self):
        with self.assertRaises(ValueError):
            Cart().add("gift", -1)

    def test_a_large_order_is_summed_exactly(self):
        cart = Cart()
        for number in range(1000):
            cart.add(f"item {number}", number)
        self.assertEqual(cart.total_cents(), sum(range(1000)))

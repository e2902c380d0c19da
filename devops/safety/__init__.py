"""What guards the platform against hostile input; it knows no Django and no entity."""

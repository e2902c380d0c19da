"""What guards the platform against hostile input; it knows no entity of ours."""

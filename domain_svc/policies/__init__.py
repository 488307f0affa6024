"""The policies of the shop: what follows from what happened."""

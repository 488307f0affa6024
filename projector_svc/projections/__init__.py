"""The projections of the shop, one file a view."""

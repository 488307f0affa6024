"""Views built anew beside the live ones, and checked against the events."""

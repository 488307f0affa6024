"""The domain service: decides on commands, appends what happened, reacts to it."""

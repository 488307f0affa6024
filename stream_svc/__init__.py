"""stream_svc: tells clients what changed, over server-sent events that can be resumed."""

"""The box makes itself known on the network (PS3.15 H.2, RFC 6762, RFC 6763). Discovery never implies trust."""

"""What doors show of segments: one file per noun, each a read of what runs have stored."""

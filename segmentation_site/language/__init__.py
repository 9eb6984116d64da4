"""Which language pages speak, and how what was made in English is said in it."""

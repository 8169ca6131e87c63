"""What the lab costs. Measured and printed, never asserted: a clock is no test."""

"""Programs of the reader's own: settings that last for a block, and a runner for whole scripts."""

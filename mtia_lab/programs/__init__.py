"""Programs of the reader's own: settings for a block, trials, and a runner for whole scripts."""

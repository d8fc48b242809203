"""What the Makefile runs: setting up, import contracts. Never imported by the product."""

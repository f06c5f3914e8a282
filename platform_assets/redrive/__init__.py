"""The command line of redrive; redrive itself is in `platform_assets/core/redrive.py`."""

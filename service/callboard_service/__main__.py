"""The entry point of the command `callboard`, and of `python -m callboard_service`."""

from __future__ import annotations

from callboard_service.cli.app import build_app


def main() -> None:
    """Run the command line and leave with its exit code."""
    build_app()(prog_name="callboard")


if __name__ == "__main__":
    main()

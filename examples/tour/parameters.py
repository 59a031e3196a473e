"""Typed parameters: arguments are checked when a run is asked for, and arrive as what they are.

Prints:
    refused: arguments.guests is not an integer
    refused: arguments.when is missing
    refused: arguments.cook is fixed by the job
    Bistro, 2026-12-24, 8 guests, cooked by Ada
"""

import asyncio
from dataclasses import dataclass
from datetime import date

from callboard import Callboard, job
from callboard.errors import InvalidInput


@dataclass
class Place:
    name: str
    seats: int = 40


@job(fixed_arguments={"cook": "Ada"})
async def dinner(place: Place, when: date, cook: str, guests: int = 2):
    return f"{place.name}, {when}, {min(guests, place.seats)} guests, cooked by {cook}"


async def main():
    async with Callboard("memory:") as board:
        stored = await board.define(dinner)
        assert stored.parameters["required"] == ["place", "when", "cook"]  # JSON Schema

        good = {"place": {"name": "Bistro", "seats": 8}, "when": "2026-12-24", "guests": 12}
        for wrong in (
            {**good, "guests": "many"},
            {"place": good["place"]},
            {**good, "cook": "Bob"},
        ):
            try:
                await board.start(dinner, wrong)
            except InvalidInput as error:
                print("refused:", error.problems[0].field, error.problems[0].reason)

        print(await (await board.start(dinner, good)).result())


if __name__ == "__main__":
    asyncio.run(main())

"""The sample of a session of cosmic-ray, and its figure.

``sample`` keeps a seeded sample of the mutants that ``cosmic-ray init`` has listed; ``cosmic-ray exec`` then
tests those that have no result yet; ``figure`` prints how many were killed by module, and the survivors;
``again`` forgets the results of the survivors, so that they are tested again.
"""

from __future__ import annotations

import argparse
import ast
import random
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, WorkItem


@cache
def _annotations(path: Path) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where type annotations begin and end: never evaluated, so that their mutants are equivalent."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for name in ("annotation", "returns"):
            part = getattr(node, name, None)
            if part is not None:
                found.append(((part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)))
    return found


def _is_in_annotation(mutation: MutationSpec) -> bool:
    return any(low <= mutation.start_pos < high for low, high in _annotations(mutation.module_path))


def _place(item: WorkItem) -> tuple[str, tuple[int, int], str]:
    """What all replacements of one operator by another have in common."""
    (mutation,) = item.mutations
    return str(mutation.module_path), mutation.start_pos, mutation.operator_name.split("_")[0]


def sample(db: WorkDB, size: int, seed: int) -> None:
    """Keep one mutant of each place, and of these ``size``: a binary operator has eleven replacements."""
    by_place = defaultdict(list)
    for item in db.work_items:
        if not _is_in_annotation(item.mutations[0]):
            by_place[_place(item)].append(item)
    rng = random.Random(seed)  # noqa: S311 (no secret)
    one_each = [
        rng.choice(
            sorted(items, key=lambda item: (item.mutations[0].operator_name, item.mutations[0].occurrence))
        )
        for _, items in sorted(by_place.items())
    ]
    chosen = rng.sample(one_each, min(size, len(one_each)))
    db.clear()
    db.add_work_items(chosen)
    print(f"{len(chosen)} mutants of {len(by_place)} places")


def figure(db: WorkDB) -> None:
    """Killed and tested mutants by module, and what the survivors change."""
    tested, killed = Counter[str](), Counter[str]()
    for item, result in db.completed_work_items:
        module = str(item.mutations[0].module_path)
        tested[module] += 1
        killed[module] += result.is_killed
        if not result.is_killed:
            print(item.mutations[0].definition_name, result.diff, sep="\n", end="\n\n")
    for module, n in sorted(tested.items()):
        print(f"{killed[module]:4} of {n:4}  {module}")
    print(f"{killed.total():4} of {tested.total():4}  of {db.num_work_items}")


def again(db: WorkDB) -> None:
    """List the survivors as untested."""
    kept = [(item, result) for item, result in db.completed_work_items if result.is_killed]
    items = db.work_items
    db.clear()
    db.add_work_items(items)
    for item, result in kept:
        db.set_result(item.job_id, result)


def main() -> None:
    """``session.py sample|figure|again session.sqlite``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["sample", "figure", "again"])
    parser.add_argument("session")
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--seed", type=int, default=25)
    given = parser.parse_args()
    with use_db(given.session, WorkDB.Mode.open) as db:
        if given.command == "sample":
            sample(db, given.size, given.seed)
        elif given.command == "again":
            again(db)
        else:
            figure(db)


if __name__ == "__main__":
    main()

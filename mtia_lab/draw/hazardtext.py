"""A finding in ASCII: the lanes as lines of characters, then the finding in words."""

from . import text
from .hazardscene import Scene, lane_of
from .lanes import is_flag, is_mark

NAME = 10
CHART = text.COLUMNS - NAME - 5


def tell(finding: object, number: str) -> list:
    """The lines; ``number`` is put before the first."""
    scene = Scene(finding, 0, CHART - 1)
    head, *rest = text.paragraph(
        f"{finding.severity} {number}{finding.kind}: {finding.why}", "     "
    )
    lanes = [_lane(scene, key) for key in scene.lanes]
    return [head, *rest, *lanes, *map(text.plain, finding.details())]


def _lane(scene: Scene, key: tuple | None) -> str:
    cells = ["."] * CHART
    mine = [command for command in scene.commands if lane_of(command) == key]
    for command in sorted(mine, key=lambda item: is_flag(item) or is_mark(item)):
        first = round(scene.scale.x(command.start))
        if is_flag(command) or is_mark(command):
            cells[first] = "R" if is_flag(command) else "W"
            continue
        last = max(round(scene.scale.x(command.finish)) - 1, first + 2)
        number, room = scene.number(command), last - first - 1
        name = text.cut(command.name if number is None else f"{number} {command.name}", room)
        cells[first : last + 1] = f"[{name:=^{room}}]"
    for side in (side for side in scene.others if side.where == key):
        cells[round(scene.scale.x(side.start))] = str(scene.sides.index(side) + 1)
    name = "host" if key is None else f"mtia:{key[0]}/{key[1]}"
    return f"  {text.cut(name, NAME):<{NAME}} |{''.join(cells[:CHART])}"

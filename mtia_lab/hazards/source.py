"""What the source of a file says, line by line: calls, `with` blocks, and whose a name is."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeGuard

from ..log.lines import source_of

SEVERAL = 2  # as often as a loop binds its variable, at least


@dataclass(eq=False)
class Scope:
    """A module, a class or a function, and what is bound in it.

    Attributes:
        self_name: of a method, what it calls its object.
        bound: how often names, and attributes and items of them, are bound.
        lines: where each of them is first.
    """

    parent: "Scope | None" = None
    is_class: bool = False
    self_name: str = ""
    bound: Counter[str] = field(default_factory=Counter)
    lines: dict[str, int] = field(default_factory=dict)

    def bind(self, name: str, line: int, times: int = 1) -> None:
        """A name, or what stands for one, is bound."""
        self.bound[name] += times
        self.lines.setdefault(name, line)

    def owner(self, root: str) -> "Scope":
        """Whose variable a name is here; of a method's object, the class."""
        scope = self
        while scope.parent is not None and (root not in scope.bound or scope.is_class):
            scope = scope.parent
        if scope.self_name == root and scope.parent is not None:
            return scope.parent
        return scope


@dataclass(frozen=True)
class Place:
    """Where a line is.

    Attributes:
        scope: the innermost one.
        blocks: the line and the expression of each `with` around it in that scope.
        in_loop: whether a loop is around it there.
    """

    scope: Scope
    blocks: tuple[tuple[int, str], ...] = ()
    in_loop: bool = False


class Source(ast.NodeVisitor):
    """What the source of a file says, line by line.

    Args:
        name: of the file, as the log has it.
    """

    def __init__(self, name: str) -> None:
        self.places: dict[int, Place] = {}
        self.calls: defaultdict[int, list[ast.Call]] = defaultdict(list)
        self.blocks: defaultdict[int, list[ast.expr]] = defaultdict(list)
        self.targets: dict[ast.Call, ast.expr] = {}  # of a call: what its value is bound to
        self._place, self._times = Place(Scope()), 1
        self.module = self._place
        try:
            tree = ast.parse(re.sub(r"(?m)^(\s*)[%!].*", r"\1pass", source_of(name)))
        except (SyntaxError, ValueError):
            return
        self.visit(tree)

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                self.places[line] = self._place
        super().visit(node)

    def _within(self, place: Place, nodes: Iterable[ast.AST]) -> None:
        before, self._place = self._place, place
        for node in nodes:
            self.visit(node)
        self._place = before

    def _bind(self, name: str, line: int, times: int = 1) -> None:
        scope = self._place.scope.owner(root_of(name))
        own = self._place.scope if name.isidentifier() else scope
        own.bind(name, line, times * self._times)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        given = node.args
        parameters = [*given.posonlyargs, *given.args]
        parent = self._place.scope
        self_name = parameters[0].arg if parent.is_class and parameters else ""
        scope = Scope(parent, self_name=self_name)
        for each in (*parameters, *given.kwonlyargs, given.vararg, given.kwarg):
            if each is not None:
                scope.bind(each.arg, 0)
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        self._within(Place(scope), body)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node.name, node.lineno)
        self._within(self._place, [*node.decorator_list, *node.args.defaults])
        self._function(node)

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_Lambda = _function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name, node.lineno)
        self._within(self._place, [*node.decorator_list, *node.bases])
        self._within(Place(Scope(self._place.scope, is_class=True)), node.body)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        around = self._place.blocks
        for item in node.items:
            self.visit(item)
            expression = _stream_of(item.context_expr)
            self.blocks[item.context_expr.lineno].append(expression)
            around = (*around, (item.context_expr.lineno, ast.unparse(expression)))
        place = Place(self._place.scope, around, self._place.in_loop)
        self._within(place, node.body)

    visit_AsyncWith = visit_With

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._several(node.target)
        self.visit(node.iter)
        place = Place(self._place.scope, self._place.blocks, in_loop=True)
        self._within(place, node.body)
        self._within(self._place, node.orelse)

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        place = Place(self._place.scope, self._place.blocks, in_loop=True)
        self._within(place, [*node.body, *node.orelse])

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._several(node.target)
        self._within(self._place, [node.iter, *node.ifs])

    def _several(self, target: ast.expr) -> None:
        self._times = SEVERAL
        self.visit(target)
        self._times = 1

    def visit_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.value, ast.Call) and len(node.targets) == 1:
            self.targets[node.value] = node.targets[0]
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        scope: Scope | None = self._place.scope
        while scope is not None:  # whoever binds them, others may
            for name in node.names:
                scope.bind(name, node.lineno, SEVERAL)
            scope = scope.parent

    visit_Nonlocal = visit_Global

    def visit_alias(self, node: ast.alias) -> None:
        self._bind((node.asname or node.name).partition(".")[0], node.lineno)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self._bind(node.name, node.lineno)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            self.calls[line].append(node)
        self.generic_visit(node)

    def _target(self, node: ast.Name | ast.Attribute | ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(ast.unparse(node), node.lineno)
        self.generic_visit(node)

    visit_Name = visit_Attribute = visit_Subscript = _target


def _stream_of(item: ast.expr) -> ast.expr:
    """What a `with` makes current: itself, or what a function such as `stream` is given."""
    if isinstance(item, ast.Call) and len(item.args) == 1:
        function = item.func
        if isinstance(function, ast.Attribute) and function.attr == "stream":
            return item.args[0]
    return item


def root_of(text: str) -> str:
    """The name that an expression of attributes and items begins with."""
    return re.split(r"[.\[]", text, maxsplit=1)[0]


def steps(node: ast.expr) -> Iterator[ast.expr]:
    """A name, and what is got from it step by step; nothing if it is not only that."""
    if isinstance(node, ast.Name):
        yield node
    elif isinstance(node, ast.Attribute) or _is_item(node):
        before = list(steps(node.value))
        yield from [*before, node] if before else []


def _is_item(node: ast.expr) -> TypeGuard[ast.Subscript]:
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)

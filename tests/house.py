"""The rules of the house as functions from source text to offences; tests/test_house.py applies them.

A rule yields `(line, what is wrong)`. It reads the syntax tree only: nothing is imported, so a broken module is
still judged.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 5
CORE = ("config", "decide", "gossip", "model", "state", "wire")

# Attributes of modules that read a clock, the system or a random stream that nobody injected.
IMPURE = re.compile(
    r"time\.|random\.(?!Random$)|datetime\.(datetime|date)\.(now|today|utcnow)$|os\.|secrets\.|uuid\.uuid"
)
IMPURE_BUILTINS = {
    "open",
    "input",
    "print",
    "hash",
    "id",
}  # hash() and id() differ from one process to the next
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
ORDERED_BY = {"list", "tuple", "iter", "enumerate", "zip", "map", "filter", "reversed", "dict"}
FORBIDS = re.compile(r"\b(may import|no|none|never|not|nothing)\b", re.IGNORECASE)
LEFT_OVER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Offences = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Source:
    """The text of one module, and its place in the tree."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @cached_property
    def name(self) -> str:
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def in_core(self) -> bool:
        return self.name.startswith("edge.") and self.name.split(".")[1] in CORE

    def functions(self) -> Iterator[tuple[Function, bool]]:
        """Each function, and whether it is a method that is called on an instance or a class."""
        methods = {
            id(child)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ClassDef)
            for child in node.body
            if isinstance(child, Function) and "staticmethod" not in decorators(child)
        }
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node, id(node) in methods


Rule = Callable[[Source], Offences]


def decorators(function: Function) -> set[str]:
    """Last names of the decorators: `click.command(…)` is `command`."""
    called = (one.func if isinstance(one, ast.Call) else one for one in function.decorator_list)
    return {dotted(one).rpartition(".")[2] for one in called}


def dotted(node: ast.expr) -> str:
    """`a.b.c` for a chain of names, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def long_module(source: Source) -> Offences:
    lines = len(source.text.splitlines())
    if lines > MODULE_LINES_MAX:
        yield lines, f"{lines} lines, at most {MODULE_LINES_MAX}"


def long_function(source: Source) -> Offences:
    for function, _ in source.functions():
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            yield function.lineno, f"{function.name} has {lines} lines, at most {FUNCTION_LINES_MAX}"


def many_parameters(source: Source) -> Offences:
    for function, is_method in source.functions():
        given = len(function.args.posonlyargs) + len(function.args.args) - is_method
        if given > PARAMETERS_MAX and "command" not in decorators(function):  # click hands over each option
            yield function.lineno, f"{function.name} takes {given} parameters, at most {PARAMETERS_MAX}"


def _bindings(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for: `from time import monotonic as now` gives now → time.monotonic."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                top = one.name.partition(".")[0]
                bound[one.asname or top] = one.name if one.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            bound |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return bound


def impure_core(source: Source) -> Offences:
    """Clocks, global randomness and IO by name; modules that are nothing else are the layer contract's business."""
    if not source.in_core:
        return
    bound = _bindings(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            first, _, rest = dotted(node).partition(".")
            if first not in bound:
                continue
            meant = f"{bound[first]}.{rest}" if rest else bound[first]
            if IMPURE.match(meant):
                yield node.lineno, f"{meant} in the core: pass time and randomness in"
        if isinstance(node, ast.Call) and dotted(node.func) in IMPURE_BUILTINS - bound.keys():
            yield node.lineno, f"{dotted(node.func)}() in the core"


def _is_set_type(annotation: ast.expr | None) -> bool:
    named = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return isinstance(named, ast.Name) and named.id in {"set", "frozenset"}


class _Sets(ast.NodeVisitor):
    """Finds iterations over what is visibly a set; a plain name counts inside the function that binds it."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []
        self._known: set[str] = set()

    def learn(self, scope: ast.AST) -> set[str]:
        names: set[str] = set()
        for node in ast.walk(scope):
            if isinstance(node, ast.AnnAssign) and _is_set_type(node.annotation):
                names.add(dotted(node.target))
            elif isinstance(node, ast.arg) and _is_set_type(node.annotation):
                names.add(node.arg)
            elif isinstance(node, ast.Assign) and self.is_set(node.value):
                names |= {dotted(target) for target in node.targets}
        return names - {""}

    def is_set(self, node: ast.expr) -> bool:
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Call(func=ast.Name(id="set" | "frozenset")):
                return True
            case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in SET_METHODS:
                return self.is_set(value)
            case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.BitXor() | ast.Sub(), right=right):
                return any(self.is_set(side) or _is_keys(side) for side in (left, right))
            case ast.IfExp(body=body, orelse=orelse):
                return self.is_set(body) or self.is_set(orelse)
        return dotted(node) in self._known

    def _scope(self, node: ast.AST) -> None:
        outer = self._known
        self._known = outer | self.learn(node)
        self.generic_visit(node)
        self._known = outer

    def _iterates(self, over: ast.expr) -> None:
        if self.is_set(over):
            self.found.append(
                (over.lineno, f"iterates over a set: {ast.unparse(over)}; sort it or use a dict")
            )

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer = self._known
        self._known = outer | {name for name in self.learn(node) if name.startswith("self.")}
        self._known |= {f"self.{name}" for name in _set_fields(node)}
        self.generic_visit(node)
        self._known = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._scope(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._scope(node)

    def visit_For(self, node: ast.For) -> None:
        self._iterates(node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._iterates(node.iter)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = dotted(node.func)
        joins = isinstance(node.func, ast.Attribute) and node.func.attr in {"join", "extend"}
        if name in ORDERED_BY or joins or name == "dict.fromkeys":
            for argument in node.args:
                self._iterates(argument)
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self._iterates(node.value)
        self.generic_visit(node)


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys"


def _set_fields(node: ast.ClassDef) -> Iterator[str]:
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and _is_set_type(one.annotation):
            yield dotted(one.target)


def iterates_over_set(source: Source) -> Offences:
    """The order of a set of strings differs between processes: it must not reach a decision or a datagram."""
    if source.in_core:
        sets = _Sets()
        sets.visit(source.tree)
        yield from sorted(set(sets.found))


def left_over(source: Source) -> Offences:
    for number, line in enumerate(source.text.splitlines(), 1):
        if mark := LEFT_OVER.search(line):
            yield number, f"{mark[0]}: finish it, or open an issue"


def undocumented(source: Source) -> Offences:
    """Public classes and functions without a docstring."""
    if not ast.get_docstring(source.tree):
        yield 1, "the module has no docstring"
    yield from _undocumented_in(source.tree.body)


def _undocumented_in(body: list[ast.stmt]) -> Offences:
    for node in body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not (
            isinstance(node, Function) and "overload" in decorators(node)
        ):
            yield node.lineno, f"{node.name} has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented_in(node.body)


def silent_room(source: Source) -> Offences:
    """A room's own docstring says what may not happen in it."""
    is_room = source.path.name == "__init__.py" and source.name.count(".") == 1
    if is_room and not FORBIDS.search(ast.get_docstring(source.tree) or ""):
        yield 1, "the docstring does not say what may not happen in this room"


def dead_modules(sources: list[Source]) -> Iterator[Source]:
    """Modules that no other module imports and that nobody starts."""
    names = {source.name for source in sources}
    imported: set[str] = set()
    for source in sources:
        for meant in _imports(source.tree):
            candidates = {meant, meant.rpartition(".")[0]} & names
            imported |= candidates - {source.name}
    packages = {name.rpartition(".")[0] for name in imported}
    for source in sources:
        is_started = source.path.name == "__main__.py" or 'if __name__ == "__main__":' in source.text
        if not is_started and source.name not in imported | packages:
            yield source


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{one.name}" for one in node.names)


RULES: tuple[Rule, ...] = (
    long_module,
    long_function,
    many_parameters,
    impure_core,
    iterates_over_set,
    left_over,
    undocumented,
    silent_room,
)

"""Names that a config file assigns and never uses, found in its text; nothing in it is run."""

import ast
import re
from collections.abc import Iterator, Set

_SEES_ALL = {'globals', 'locals', 'vars', 'eval', 'exec'}


def base_files(tree: ast.Module) -> list[str]:
    """What ``_base_`` says, as far as it is written out; empty if the file has none."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == '_base_':
            try:
                bases = ast.literal_eval(statement.value)
            except ValueError:  # computed: there are bases, but which?
                return ['']
            return [bases] if isinstance(bases, str) else list(bases)
    return []


def base_reads(tree: ast.AST) -> set[str]:
    """Names that a file takes from its bases: ``_base_.x``, ``_base_['x']``, ``{{ _base_.x }}``."""
    return set(re.findall(r'\b_base_(?:\.get\(|[.\[])\W*(\w+)', ast.unparse(tree)))


def dead_names(tree: ast.Module, read: Set[str]) -> Iterator[tuple[int, str]]:
    """Line and name of each top-level assignment that nothing goes on to use.

    Functions, classes, imports and names with an underscore pass, and what an ``if`` or a loop
    assigns. So does an unpacking if one of its names is used.

    Args:
        read: Names that are read from outside.
    """
    uses = [_uses(statement) for statement in tree.body]
    # A function may be called after the assignment, wherever it stands.
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)]
    called = set().union(*(_uses(function)[0] for function in functions))
    if _SEES_ALL & called.union(*(used for used, _ in uses)):
        return
    for k, statement in enumerate(tree.body):
        later = read | called.union(*(used for used, _ in uses[k + 1 :]))
        if _leads_on(statement, read):
            later = later.union(*(changed for _, changed in uses[k + 1 :]))
        for target in _targets(statement):
            names = [n.id for n in ast.walk(target) if _stores(n)]
            if not any(name in later or name.startswith('_') for name in names):
                yield from ((statement.lineno, name) for name in names)


def _targets(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    annotated = isinstance(statement, ast.AnnAssign) and statement.value
    return [statement.target] if annotated or isinstance(statement, ast.AugAssign) else []


def _stores(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _uses(tree: ast.AST) -> tuple[set[str], set[str]]:
    """Names that are used, and those that are only changed: ``a[0] = 1``, ``a.append(1)``."""
    changed = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            node = node.value.func  # a method; of its result, nothing is kept
        elif not isinstance(getattr(node, 'ctx', None), ast.Store | ast.Del):
            continue
        if isinstance(node, ast.Attribute | ast.Subscript):
            changed.append(_root(node))
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and not _stores(n)]
    used = {n.id for n in names if not any(n is c for c in changed)}
    return used, {c.id for c in changed if isinstance(c, ast.Name)}


def _root(node: ast.expr) -> ast.expr:
    """``a`` of ``a.b[0].c``."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node


def _leads_on(statement: ast.stmt, read: Set[str]) -> bool:
    """Whether a name becomes another one for a part of what is read: changing it is using it."""
    value = getattr(statement, 'value', None)
    if not isinstance(value, ast.expr) or not isinstance(_root(value), ast.Name):
        return False
    return _root(value).id != '_base_' or bool(base_reads(value) & read)

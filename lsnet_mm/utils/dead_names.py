"""Names that a config file assigns and never uses, found in its text; nothing in it is run."""

import ast
import re
from collections.abc import Iterator, Set


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
    """Line and name of each top-level assignment that the file does not go on to use.

    Functions, classes, imports and names with an underscore pass, and what an ``if`` or a loop
    assigns. So does an unpacking if one of its names is used.

    Args:
        read: Names that are read from outside.
    """
    # A function may be called after the assignment, wherever it stands.
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)]
    for k, statement in enumerate(tree.body):
        used = read.union(*map(_loads, (*tree.body[k + 1 :], *functions)))
        for target in _targets(statement):
            names = [n.id for n in ast.walk(target) if _stores(n)]
            if not any(name in used or name.startswith('_') for name in names):
                yield from ((statement.lineno, name) for name in names)


def _targets(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    annotated = isinstance(statement, ast.AnnAssign) and statement.value
    return [statement.target] if annotated or isinstance(statement, ast.AugAssign) else []


def _stores(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _loads(tree: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not _stores(n)}

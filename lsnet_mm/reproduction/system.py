from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class System:
    """What is trained and tested: a config and options, under a name of its own.

    Attributes:
        name: Of its result folders.
        config: Stem of a file below ``configs/``.
        options: To that config, as in ``--cfg-options``.
        weights: The system whose checkpoint is tested; None trains its own.
    """

    name: str
    config: str
    options: Mapping[str, object] = field(default_factory=dict, hash=False)
    weights: System | None = None

    @classmethod
    def of(cls, config: str) -> System:
        """A config as it stands."""
        return cls(config, config)

    def trained(self, suffix: str, options: Mapping[str, object]) -> System:
        """Another one, whose options change the training."""
        return System(f'{self.name}_{suffix}', self.config, {**self.options, **options})

    def tested(self, suffix: str, options: Mapping[str, object]) -> System:
        """The same checkpoint under options that only a test reads."""
        name, options = f'{self.name}_{suffix}', {**self.options, **options}
        return System(name, self.config, options, weights=self)

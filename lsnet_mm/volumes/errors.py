class VolumeError(ValueError):
    """A volume that is refused: what, why, and what would mend it.

    Its text holds no path, name, date or UID, so that it may stand in logs and reports: a file is
    called by :func:`~lsnet_mm.volumes.naming.public_name`.

    Args:
        where: File or series.
        reason: What is wrong with it.
        fix: What to do about it, as a sentence without its stop.
    """

    def __init__(self, where: str, reason: str, fix: str):
        super().__init__(where, reason, fix)  # all three, or it cannot travel between processes
        self.where, self.reason, self.fix = where, reason, fix

    def __str__(self) -> str:
        return f'{self.where}: {self.reason}. {self.fix}.'

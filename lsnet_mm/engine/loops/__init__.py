from .alternating_loop import AlternatingIterTrainLoop, AlternatingTrainLoop

__all__ = ['AlternatingIterTrainLoop', 'AlternatingTrainLoop']

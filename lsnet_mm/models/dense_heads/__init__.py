from .kp_bbr_head import KPBBRHead

__all__ = ['KPBBRHead']

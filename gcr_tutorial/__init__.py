"""gcr_tutorial: generative cross-modal retrieval (GRACE, Li et al., ACL 2024), taught and really run."""

__version__ = "0.1.0"

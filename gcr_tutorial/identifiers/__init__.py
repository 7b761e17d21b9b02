"""Image identifiers: what stands for an image in the model's vocabulary (GRACE section 3.2).

Seven kinds, made by one function, `make_identifiers`; the recipe around them is the same for all.
"""

from gcr_tutorial.identifiers.base import KINDS, Identifiers
from gcr_tutorial.identifiers.clustering import balanced_kmeans, cluster_paths
from gcr_tutorial.identifiers.kinds import make_identifiers
from gcr_tutorial.identifiers.residual import residual_codes

__all__ = ["KINDS", "Identifiers", "balanced_kmeans", "cluster_paths", "make_identifiers", "residual_codes"]

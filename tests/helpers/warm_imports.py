"""Imports all that a run needs, so that processes forked from one that has done so start at once (see `killable`)."""

import torch

import gcr_tutorial.experiments.pipeline  # noqa: F401
import gcr_tutorial.experiments.reporting  # noqa: F401

torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])  # torch imports more on first use

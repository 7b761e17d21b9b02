import numpy as np
import pytest
import torch
from PIL import Image
from tiny_backbone import tiny_backbone

from gcr_tutorial.models.features import image_features, merge_features
from gcr_tutorial.models.preprocessing import pixels
from gcr_tutorial.models.prompts import prompt_ids
from gcr_tutorial.models.tokens import add_tokens


@pytest.fixture(scope="module")
def backbone():
    return tiny_backbone()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 24, 24, 3), dtype=np.uint8)


@torch.no_grad()
def test_merged_features_are_bit_equal_to_the_models_own_forward(backbone, images):
    ids = torch.tensor([prompt_ids(backbone, "Describe the picture.", image=True)] * len(images))
    own = backbone.model(input_ids=ids, pixel_values=pixels(backbone, images)).logits
    merged = merge_features(backbone, ids, image_features(backbone, images))
    assert torch.equal(own, backbone.model(inputs_embeds=merged).logits)


def test_batches_images_lazily_and_reports(backbone, images):
    seen, done = [], []

    def stream():
        for i, image in enumerate(images):
            seen.append(i)
            yield Image.fromarray(image)

    features = image_features(backbone, stream(), batch_size=2, progress=lambda n: done.append((n, len(seen))))
    assert features.shape == (5, 4, 32) and done == [(2, 2), (4, 4), (5, 5)]
    torch.testing.assert_close(features, image_features(backbone, images), rtol=1e-4, atol=1e-5)
    assert not features.requires_grad
    assert image_features(backbone, []).shape == (0, 4, 32)


def test_features_differ_between_images(backbone, images):
    features = image_features(backbone, images)
    assert (features[0] - features[1]).abs().max() > 1e-3


def test_new_tokens_do_not_change_features(images):
    backbone = tiny_backbone()
    before = image_features(backbone, images)
    add_tokens(backbone, ["<img_0>"])
    assert torch.equal(before, image_features(backbone, images))


def test_rows_without_image_tokens_are_refused(backbone, images):
    features = image_features(backbone, images)
    text_only = torch.tensor([prompt_ids(backbone, "Find it", image=False)] * 5)
    with pytest.raises(ValueError, match="prompt_ids"):
        merge_features(backbone, text_only, features)
    with pytest.raises(ValueError, match="prompt_ids"):
        merge_features(backbone, torch.tensor([prompt_ids(backbone, "x", image=True)] * 4), features)

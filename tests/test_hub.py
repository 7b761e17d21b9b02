"""Models from the Hub, without a network: one sentence that says what to do."""

import pytest
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError
from tiny_data import command

from gcr_tutorial import doctor, hub
from gcr_tutorial.config import get_preset
from gcr_tutorial.hub import from_hub, is_hub_id
from gcr_tutorial.models.loading import load_backbone


def test_offline_it_says_what_to_download_and_how():
    with pytest.raises(FileNotFoundError) as caught:
        load_backbone("nobody/never-published", revision="abc123")
    sentence = str(caught.value)
    assert "\n" not in sentence and "hf download nobody/never-published --revision abc123" in sentence and "HF_HOME" in sentence


def test_the_command_line_says_it_in_one_sentence():
    status, _, err = command("run", "--preset", "colab", "--train-images", "2", "--test-images", "2")
    assert status == 2 and err.startswith("error: ") and len(err.strip().splitlines()) == 1
    assert "hf download HuggingFaceTB/SmolVLM-256M-Instruct --revision 7e3e67e" in err


def wrapped(cause: Exception) -> OSError:
    """As transformers wraps what huggingface_hub raises."""
    error = OSError("several\nlines")
    error.__cause__ = cause
    return error


def response_error(kind: type) -> Exception:
    return kind.__new__(kind)  # these want a whole HTTP response


@pytest.mark.parametrize(
    "cause, words",
    [
        (response_error(GatedRepoError), "accept its licence at https://huggingface.co/a/b.*hf auth login"),
        (response_error(RepositoryNotFoundError), "no such model or revision"),
        (LocalEntryNotFoundError("x"), "hf download a/b --revision r"),
    ],
)
def test_each_failure_has_its_own_advice(cause, words):
    def fails():
        raise wrapped(cause)

    with pytest.raises(FileNotFoundError, match=words) as caught:
        from_hub(fails, "a/b", "r")
    assert "\n" not in str(caught.value)
    assert from_hub(lambda: 3, "a/b") == 3


def test_what_is_a_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "vlm").mkdir(parents=True)
    assert is_hub_id("owner/model") and is_hub_id("HuggingFaceTB/SmolVLM-256M-Instruct")
    for path in ("runs/vlm", "./runs/vlm", "/a/b", "model", "a/b/c", "~/model", tmp_path):
        assert not is_hub_id(path), path


def test_the_doctor_says_whether_it_is_here_and_how_to_get_it(monkeypatch):
    preset = get_preset("colab")
    asked = []
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *args, **kw: asked.append((args, kw)) or "/cache/config.json")
    [here] = doctor.check_backbone({"GCR_PRESET": "colab"})
    assert here.level == "OK" and asked == [((preset.backbone, "config.json"), {"revision": preset.revision})]
    monkeypatch.undo()
    [missing] = doctor.check_backbone({"GCR_PRESET": "paper"})
    assert missing.level == "WARN" and "hf download Qwen/Qwen2.5-VL-3B-Instruct --revision 6628554" in str(missing)
    assert doctor.check_backbone({}) == doctor.check_backbone({"GCR_PRESET": "tiny"}) == []

"""doctor: every failure it knows, simulated through the checks' arguments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gcr_tutorial import doctor
from gcr_tutorial.doctor import GIB, Finding, TorchProbe

GOOD = TorchProbe(torch="2.15.0", torchvision="0.29.2")
T4 = ("Tesla T4",)


def finished(code: int = 0, stdout: str = "", stderr: str = ""):
    """A stand-in for subprocess.run that has this outcome."""
    return lambda *args, **kwargs: subprocess.CompletedProcess(args, code, stdout, stderr)


def raising(problem: Exception):
    """A stand-in for subprocess.run (or a data-folder finder) that raises."""

    def run(*args, **kwargs):
        raise problem

    return run


def test_packages_missing_too_old_and_too_new():
    required = ["transformers>=5.0,<6", "open_clip_torch>=3", "peft>=0.18", "numpy"]
    installed = {"transformers": "6.1.0", "open-clip-torch": "3.3.0", "peft": "0.9.0"}
    *bad, good = doctor.check_packages(required, installed)
    assert [f.level for f in bad] == ["FAIL"] * 3 and good.level == "OK"
    assert "transformers 6.1.0" in bad[0].text and "pip install 'transformers<6,>=5.0'" in bad[0].advice
    assert "peft 0.9.0" in bad[1].text and ">=0.18" in bad[1].text
    assert "numpy is not installed" in bad[2].text and "pip install 'numpy'" in bad[2].advice
    assert "open_clip_torch 3.3.0" in good.text  # spelt with - or _, it is the same package


def test_packages_with_local_and_pre_release_versions_fit():
    [finding] = doctor.check_packages(["torch>=2.6"], {"torch": "2.16.0.dev20261101+cu132"})
    assert finding.level == "OK"


def test_requirements_unknown_is_a_warning(tmp_path):
    assert [f.level for f in doctor.check_packages([], {})] == ["WARN"]
    assert "torch" in " ".join(doctor.declared_requirements())
    assert isinstance(doctor.declared_requirements(tmp_path), list)  # no pyproject.toml there: asks the metadata


def test_probe_reads_versions_and_gpus():
    lines = [{"torch": "2.15.0", "cuda": True, "gpus": ["Tesla T4"], "bf16": False}, {"torchvision": "0.29.2"}]
    probe = doctor.probe_torch(finished(stdout="a library's greeting\n" + "\n".join(map(json.dumps, lines))))
    assert probe == TorchProbe("2.15.0", "0.29.2", cuda=True, gpus=T4)


@pytest.mark.parametrize(
    "run, said",
    [
        (
            finished(1, '{"torch": "2.15.0"}\n', "Traceback ...\nRuntimeError: operator torchvision::nms does not exist\n"),
            "operator torchvision::nms does not exist",
        ),
        (finished(-11, '{"torch": "2.15.0"}\n'), "signal 11"),
        (raising(subprocess.TimeoutExpired("python", 180, output=b'{"torch": "2.15.0"}\n')), "180 s"),
    ],
)
def test_torchvision_that_does_not_fit_is_caught(run, said):
    finding = doctor.check_torch(doctor.probe_torch(run), on_colab=False)
    assert finding.level == "FAIL" and "torchvision does not load beside torch 2.15.0" in finding.text
    assert said in finding.text
    assert "pip install torch==" in finding.advice and " torchvision==" in finding.advice


def test_torch_that_does_not_load():
    probe = doctor.probe_torch(finished(1, "", "ImportError: libcudart.so.13: cannot open shared object file"))
    finding = doctor.check_torch(probe, on_colab=False)
    assert finding.level == "FAIL" and "torch does not load: ImportError: libcudart" in finding.text
    assert doctor.check_torch(probe, on_colab=True).advice.startswith("Colab")
    assert doctor.probe_torch(raising(OSError("no such interpreter"))).error == "no such interpreter"


def test_pair_comes_from_the_constraints(tmp_path):
    assert doctor.matching_pair(tmp_path) == "--upgrade torch torchvision"
    (tmp_path / "constraints.txt").write_text("timm==1.0\ntorch==2.1.0 ; sys_platform == 'linux'\ntorchvision==0.16.0\n")
    assert doctor.matching_pair(tmp_path) == "torch==2.1.0 torchvision==0.16.0"


def test_the_real_environment_has_a_pair_that_loads():
    finding = doctor.check_torch(doctor.probe_torch(), on_colab=False)
    assert finding.level == "OK", finding


@pytest.mark.parametrize(
    "gpus, env, level, said",
    [
        ((), {}, "OK", "tiny preset needs none"),
        (T4, {}, "WARN", "cannot use it"),
        (T4, {"GCR_PRESET": "colab"}, "FAIL", "cannot use it"),
        (T4, {"CUDA_VISIBLE_DEVICES": "-1"}, "WARN", "hides it"),
        (T4, {"CUDA_VISIBLE_DEVICES": ""}, "WARN", "hides it"),
        ((), {"CUDA_VISIBLE_DEVICES": "-1"}, "OK", "tiny preset needs none"),
        ((), {"COLAB_RELEASE_TAG": "release"}, "WARN", "Colab runtime has no GPU"),
        ((), {"GCR_PRESET": "paper"}, "FAIL", "'paper' needs a GPU"),
    ],
)
def test_gpu_missing_where_one_was_expected(gpus, env, level, said):
    finding = doctor.check_gpu(GOOD, gpus, env)
    assert finding.level == level and said in finding.text
    assert level == "OK" or finding.advice


def test_gpu_in_use_is_named_with_its_limits():
    old = doctor.check_gpu(TorchProbe("2.15.0", "0.29.2", cuda=True, gpus=T4), T4, {})
    new = doctor.check_gpu(TorchProbe("2.15.0", "0.29.2", cuda=True, gpus=("H100",), bf16=True), ("H100",), {})
    assert old.level == new.level == "OK" and "Tesla T4" in old.text
    assert "bf16" in old.text and "bf16" not in new.text
    broken = TorchProbe("2.15.0", "0.29.2", gpu_error="CUDA error: no kernel image")
    assert "no kernel image" in doctor.check_gpu(broken, ("Tesla K80",), {}).text


def test_driver_listing():
    listing = "GPU 0: Tesla T4 (UUID: GPU-1)\nGPU 1: Tesla T4 (UUID: GPU-2)\n"
    assert doctor.visible_gpus(finished(stdout=listing)) == T4 * 2
    assert doctor.visible_gpus(finished(9, "NVIDIA-SMI has failed")) == ()
    assert doctor.visible_gpus(raising(FileNotFoundError("nvidia-smi"))) == ()


def test_memory_and_disk_have_thresholds():
    memory, disk = zip(*(doctor.check_space(n * GIB, n * GIB) for n in (0.5, 3, 50)))
    assert [finding.level for finding in memory] == [finding.level for finding in disk] == ["FAIL", "WARN", "OK"]
    assert [doctor.check_space(n * GIB, n * GIB)[0].level for n in (1, 3, 8)] == ["FAIL", "WARN", "OK"]
    assert "3.0 GiB" in memory[1].text and all(finding.advice for finding in (*memory[:2], *disk[:2]))
    assert doctor.free_memory() > 0 and doctor.usable_cores() >= 1


def test_data_folder_found_missing_or_incomplete(tmp_path: Path):
    [missing] = doctor.check_data(raising(FileNotFoundError("no data folder beside /x")))
    assert missing.level == "FAIL" and "no data folder beside /x" in missing.text and "GCR_DATA" in missing.advice
    for name, size in zip(doctor.BACKBONES, (20_000, 130)):
        (tmp_path / "backbones" / name).mkdir(parents=True)
        (tmp_path / "backbones" / name / "model.safetensors").write_bytes(bytes(size))
    findings = doctor.check_data(lambda: tmp_path)
    assert [f.level for f in findings] == ["OK", "FAIL"] and "tiny-clip" in findings[1].text
    (tmp_path / "backbones" / "tiny-vlm" / "model.safetensors").unlink()
    findings = doctor.check_data(lambda: tmp_path)
    assert [f.level for f in findings] == ["OK", "FAIL", "FAIL"] and "pretrain" in findings[1].advice


def test_report_and_exit_status(capsys):
    fine, warn, fail = Finding("OK", "a"), Finding("WARN", "b", "do this"), Finding("FAIL", "c", "do that")
    assert doctor.run_doctor([lambda: fine, lambda: [fine, warn]]) == 0
    assert capsys.readouterr().out == "[OK] a\n[OK] a\n[WARN] b -> do this\nReady. 1 to know about.\n"
    assert doctor.run_doctor([lambda: fail, lambda: fine]) == 1
    assert "[FAIL] c -> do that\n[OK] a\n1 to put right" in capsys.readouterr().out


def test_a_check_that_falls_over_is_a_finding(capsys):
    assert doctor.run_doctor([raising(ZeroDivisionError("oops")), lambda: Finding("OK", "the next one still ran")]) == 1
    out = capsys.readouterr().out
    assert "ZeroDivisionError('oops')" in out and "[OK] the next one still ran" in out


def test_whole_report_runs_here(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "probe_torch", lambda: GOOD)
    monkeypatch.setattr(doctor, "check_data", lambda: [])
    code = doctor.run_doctor()
    lines = capsys.readouterr().out.splitlines()[1:-1]
    assert len(lines) >= 5 and all(line.startswith(("[OK] ", "[WARN] ", "[FAIL] ")) for line in lines)
    assert all(" -> " in line for line in lines if not line.startswith("[OK]"))
    assert code == int(any(line.startswith("[FAIL]") for line in lines))


def test_doctor_works_where_torch_does_not(tmp_path: Path):
    """The command itself must come up, and say so, with a torch that cannot even be imported."""
    (tmp_path / "torch.py").write_text("raise ImportError('broken on purpose')\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "gcr_tutorial", "doctor"], cwd=doctor.ROOT, env=env, capture_output=True, text=True, timeout=120
    )
    assert "[FAIL] torch does not load: ImportError: broken on purpose" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1 and "[OK] Python" in done.stdout


def test_doctor_works_where_the_command_lines_own_package_is_missing(tmp_path: Path):
    (tmp_path / "tyro.py").write_text("raise ModuleNotFoundError(\"No module named 'tyro'\", name='tyro')\n")
    (tmp_path / "torch.py").write_text("raise ImportError('slow, and not what this test asks for')\n")
    done = subprocess.run(
        [sys.executable, "-m", "gcr_tutorial", "doctor"],
        cwd=doctor.ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1 and "No module named 'tyro'" in done.stderr and "Traceback" not in done.stderr
    assert "[FAIL] torch does not load" in done.stdout

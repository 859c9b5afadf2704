"""What a user would set up instead of Melody Forge, to be measured against: REMI tokens and a small Llama, on a CPU.

    benchmarks/.venv/bin/python -m benchmarks.remi_llama FOLDER

Does the job that `FOLDER/job.json` describes, and writes MIDI files and `FOLDER/outcome.json` beside it. Follows the
tutorial of MidiTok for Hugging Face's transformers (colab-notebooks/Example_HuggingFace_Mistral_Transformer.ipynb in
its repository): tokens, chunks of 1,024 tokens, AdamW, cosine schedule, the best epoch by validation, sampling. Two
settings follow its README, which has music of several tracks in mind: programs are told, and so are chords. What the
tutorial asks to be adjusted to the hardware is: 5 million weights, batches of 4,096 tokens and a learning rate for some
hundred steps instead of 20,000. Its augmentation by octaves is left out: compositions would lie an octave off.

Runs in an environment of its own, of `peer_requirements.txt`; knows nothing of Melody Forge.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from miditok import REMI, TokenizerConfig, TokSequence
from miditok.pytorch_data import DataCollator, DatasetMIDI
from miditok.utils import split_files_for_training
from symusic import Score
from torch.optim.lr_scheduler import LambdaLR
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments
from transformers.generation import StoppingCriteria
from transformers.trainer_utils import set_seed

JOB_FILE, OUTCOME_FILE = "job.json", "outcome.json"
TOKENS = {
    "pitch_range": (21, 109),
    "beat_res": {(0, 1): 12, (1, 2): 4, (2, 4): 2, (4, 8): 1},
    "num_velocities": 24,
    "special_tokens": ["PAD", "BOS", "EOS"],
    "use_chords": True,
    "use_rests": True,
    "use_tempos": True,
    "use_time_signatures": True,
    "use_programs": True,
    "num_tempos": 32,
    "tempo_range": (50, 200),
}
MAX_TOKENS = 1024  # of a chunk
OVERLAP_BARS = 2  # of a chunk with the one before
BATCH_TOKENS = 4096
HIDDEN_SIZE, INTERMEDIATE_SIZE, NUM_LAYERS, NUM_HEADS = 256, 768, 6, 8  # 5.1 million weights, and the embeddings
LEARNING_RATE, WEIGHT_DECAY, MAX_GRAD_NORM = 1e-3, 0.01, 3.0
WARMUP = 0.1  # of the time
SAMPLING = {"temperature": 0.9, "top_k": 15, "top_p": 0.95, "epsilon_cutoff": 3e-4, "eta_cutoff": 1e-3}
AT_ONCE = 16  # compositions
MAX_TOKENS_PER_NOTE = 8  # ends what never comes to its notes
MAX_PROGRAM = 127


def main() -> None:
    """Trains, composes and writes what came out."""
    parser = argparse.ArgumentParser(description="REMI tokens and a small Llama; does the job in FOLDER/job.json.")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args().folder
    job = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    set_seed(0)
    began = time.perf_counter()
    files = {
        part: [with_own_programs(Path(path), folder / "own_programs" / part) for path in job[part]]
        for part in ("train", "held_out", "real")
    }
    tokenizer = make_tokenizer(files["train"], job["vocabulary"])
    data = {part: make_dataset(files[part], tokenizer, folder / "chunks" / part) for part in ("train", "held_out")}
    seconds_to_read = time.perf_counter() - began
    network = build_network(tokenizer)
    trained = train(network, tokenizer, data, 60 * job["minutes"], folder / "checkpoints")
    composed = compose_all(network, tokenizer, job, folder)
    write_real(files["real"], tokenizer, folder / "real")
    outcome = {
        "num_weights": sum(weights.numel() for weights in network.parameters()),
        "vocabulary_size": len(tokenizer),
        "seconds_to_read": seconds_to_read,
    }
    (folder / OUTCOME_FILE).write_text(json.dumps(outcome | trained | composed, indent=1), encoding="utf-8")


def with_own_programs(source: Path, folder: Path) -> Path:
    """A copy of a file whose tracks have programs of their own: MidiTok joins tracks of one program, such as voices."""
    score, used = Score(source), set()
    for track in score.tracks:
        if not track.is_drum:
            while track.program in used and track.program < MAX_PROGRAM:
                track.program += 1
            used.add(track.program)
    folder.mkdir(parents=True, exist_ok=True)
    score.dump_midi(folder / source.name)
    return folder / source.name


def make_tokenizer(files: list[Path], vocabulary: int) -> REMI:
    """REMI tokens; with a size of vocabulary those that often follow one another are joined (byte pair encoding)."""
    tokenizer = REMI(TokenizerConfig(**TOKENS))
    if vocabulary > len(tokenizer):
        tokenizer.train(vocab_size=vocabulary, files_paths=files)
    return tokenizer


def make_dataset(files: list[Path], tokenizer: REMI, folder: Path) -> DatasetMIDI:
    """The files in chunks, as tokens; only where a piece begins and ends is that said."""
    folder.mkdir(parents=True)
    chunks = split_files_for_training(
        files, tokenizer, folder, MAX_TOKENS, num_overlap_bars=OVERLAP_BARS, parallel_workers_size=1
    )
    return DatasetMIDI(
        sorted(chunks),
        tokenizer,
        MAX_TOKENS,
        bos_token_id=tokenizer["BOS_None"],
        eos_token_id=tokenizer["EOS_None"],
        pre_tokenize=True,
        parallel_workers_size=1,
    )


def build_network(tokenizer: REMI) -> LlamaForCausalLM:
    """The Llama."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=HIDDEN_SIZE,
            intermediate_size=INTERMEDIATE_SIZE,
            num_hidden_layers=NUM_LAYERS,
            num_attention_heads=NUM_HEADS,
            num_key_value_heads=NUM_HEADS,
            head_dim=HIDDEN_SIZE // NUM_HEADS,
            max_position_embeddings=8192,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer["BOS_None"],
            eos_token_id=tokenizer["EOS_None"],
        )
    )


class Clock(TrainerCallback):
    """Counts the seconds of training, and ends it when they are over; measuring and saving do not count."""

    def __init__(self, seconds: float) -> None:
        self.limit, self.spent, self._since = seconds, 0.0, 0.0

    def learning_rate(self, _: int) -> float:
        """Its share of the highest one: up at first, then down along a cosine."""
        share = min(1.0, self.spent / self.limit)
        if share < WARMUP:
            return max(share, 0.01 * WARMUP) / WARMUP
        return 0.5 * (1 + math.cos(math.pi * (share - WARMUP) / (1 - WARMUP)))

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        """Starts the clock."""
        self._since = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **__: Any) -> None:
        """Counts a step."""
        now = time.perf_counter()
        self.spent, self._since = self.spent + now - self._since, now
        control.should_training_stop = self.spent >= self.limit


def train(
    network: LlamaForCausalLM, tokenizer: REMI, data: dict[str, DatasetMIDI], seconds: float, folder: Path
) -> dict[str, float]:
    """Trains until the time is over, and takes the epoch with the best validation loss.

    Returns:
        What was measured. Nats a note are those of all tokens, of tempo and bars, too.
    """
    clock = Clock(seconds)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    notes = {part: count_notes(one, tokenizer) for part, one in data.items()}
    num_tokens = {part: sum(len(ids) for ids in one.samples) for part, one in data.items()}
    trainer = Trainer(
        network,
        training_arguments(folder, max(1, BATCH_TOKENS * len(data["train"]) // num_tokens["train"])),
        data_collator=DataCollator(tokenizer.pad_token_id, copy_inputs_as_labels=True),
        train_dataset=data["train"],
        eval_dataset=data["held_out"],
        callbacks=[clock],
        optimizers=(optimizer, LambdaLR(optimizer, clock.learning_rate)),
    )
    trainer.train()
    epochs, tokens_per_note = trainer.state.epoch, num_tokens["held_out"] / notes["held_out"]
    return {
        "steps": trainer.state.global_step,
        "epochs": epochs,
        "seconds_of_training": clock.spent,
        "tokens_per_note": tokens_per_note,
        "notes_per_second": epochs * notes["train"] / clock.spent,
        "tokens_per_second": epochs * num_tokens["train"] / clock.spent,
        "held_out_nats_per_note": trainer.evaluate()["eval_loss"] * tokens_per_note,
    }


def training_arguments(folder: Path, batch_size: int) -> TrainingArguments:
    """Measures and saves after each epoch; how long it lasts, the clock knows."""
    return TrainingArguments(
        str(folder),
        use_cpu=True,
        seed=444,
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=batch_size,
        max_grad_norm=MAX_GRAD_NORM,
        max_steps=10**6,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        prediction_loss_only=True,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def notes_in_tokens(tokenizer: REMI) -> torch.Tensor:
    """How many notes begin in each token of the vocabulary, shape (vocabulary_size,)."""
    counts = []
    for token in range(len(tokenizer)):
        one = TokSequence(ids=[token], are_ids_encoded=tokenizer.is_trained)
        tokenizer.decode_token_ids(one)
        names = [tokenizer[base] for base in one.ids]
        counts.append(sum(name.startswith("Pitch") for name in names))
    return torch.tensor(counts)


def count_notes(data: DatasetMIDI, tokenizer: REMI) -> int:
    """Notes in a dataset."""
    counts = notes_in_tokens(tokenizer)
    return sum(int(counts[ids].sum()) for ids in data.samples)


class EnoughNotes(StoppingCriteria):
    """Ends each composition when it has more than so many notes: then these are complete."""

    def __init__(self, counts: torch.Tensor, num_notes: int) -> None:
        self.counts, self.num_notes = counts, num_notes

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Which compositions are long enough, shape (num_compositions,)."""
        return self.counts[input_ids].sum(dim=1) > self.num_notes


def compose(
    network: LlamaForCausalLM, tokenizer: REMI, number: int, num_notes: int, may_end: bool = False
) -> list[list[int]]:
    """The tokens of so many compositions from nothing, of `num_notes` notes each, or fewer where they may end."""
    end, pad = tokenizer["EOS_None"], tokenizer.pad_token_id
    settings = GenerationConfig(
        **SAMPLING,
        do_sample=True,
        max_new_tokens=MAX_TOKENS_PER_NOTE * num_notes,
        pad_token_id=pad,
        eos_token_id=end if may_end else None,
        suppress_tokens=None if may_end else [end],
    )
    enough, composed = EnoughNotes(notes_in_tokens(tokenizer), num_notes), []
    for first in range(0, number, AT_ONCE):
        start = torch.full((min(AT_ONCE, number - first), 1), tokenizer["BOS_None"])
        found = network.generate(
            start, attention_mask=torch.ones_like(start), generation_config=settings, stopping_criteria=[enough]
        )
        composed += [[token for token in ids if token != pad] for ids in found.tolist()]
    return composed


def compose_all(network: LlamaForCausalLM, tokenizer: REMI, job: dict[str, Any], folder: Path) -> dict[str, float]:
    """Writes all compositions that are asked for.

    Returns:
        The seconds that one of `timed_notes` notes took.
    """
    network.eval()
    for part, asked in job["compositions"].items():
        write(compose(network, tokenizer, **asked), tokenizer, folder / part)
    began = time.perf_counter()
    compose(network, tokenizer, 1, job["timed_notes"])
    return {"seconds_to_compose": time.perf_counter() - began}


def write(compositions: list[list[int]], tokenizer: REMI, folder: Path) -> None:
    """Writes tokens as MIDI files that are named by their number."""
    folder.mkdir()
    for index, ids in enumerate(compositions):
        sequence = TokSequence(ids=ids, are_ids_encoded=tokenizer.is_trained)
        tokenizer.decode(sequence).dump_midi(folder / f"{index:04d}.mid")


def write_real(files: list[Path], tokenizer: REMI, folder: Path) -> None:
    """Writes real pieces as the tokens say them, for compositions to be held beside."""
    folder.mkdir()
    for path in files:
        tokenizer.decode(tokenizer(path)).dump_midi(folder / path.name)


if __name__ == "__main__":
    main()

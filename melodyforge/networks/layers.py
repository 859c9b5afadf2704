"""The layers that networks share: how features are heard and how likelihoods are summed. `keras.ops` only."""

from __future__ import annotations

import keras
from keras import layers, ops

from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.tokens.features import LONGEST_LEVEL_STEPS, Feature
from melodyforge.tokens.numbers import LEAST_CHANCE, LEAST_WIDTH, NUM_COMPONENTS, SPREAD, parts_of


def feature_input(feature: Feature) -> keras.KerasTensor:
    """The Keras input of a feature, shape (batch, window) or (batch, window, slots or size)."""
    width = feature.size if feature.kind == "levels" else feature.slots
    return keras.Input((None, width) if width else (None,), dtype=feature.dtype, name=feature.name)


def hear(
    features: tuple[Feature, ...], tensors: dict[str, keras.KerasTensor], units: int, num_heard: int, role: str
) -> list[keras.KerasTensor]:
    """What features say, as vectors to be summed, each of shape (batch, window, units).

    Weights are kept in a layer for each feature, named by role and feature. All classes are looked up together.

    Args:
        features: those that speak.
        tensors: of each, by name.
        units: numbers in a vector.
        num_heard: features in all whose vectors are summed.
        role: the first part of the names.
    """
    classes = [feature for feature in features if feature.kind == "class"]
    vectors = [_measured(one, tensors[one.name], units, f"{role}_{one.name}") for one in features if one not in classes]
    if classes:
        tables = [
            Table(one.num_rows, units, (units * num_heard * max(1, one.slots)) ** -0.5, name=f"{role}_{one.name}")
            for one in classes
        ]
        told = [tensors[one.name] for one in classes]
        rows = [table(tensor) for table, tensor in zip(tables, told, strict=True)]
        vectors.append(SumOfRows(tuple(classes))(rows, told))
    return vectors


def _measured(feature: Feature, tensor: keras.KerasTensor, units: int, name: str) -> keras.KerasTensor:
    numbers = Levels()(tensor) if feature.kind == "levels" else ops.expand_dims(tensor, -1)
    return layers.Dense(units, use_bias=False, name=name)(numbers)


class Levels(layers.Layer):
    """Remaining steps -> whether each entry sounds, then how long it still lasts, in [0, 1]; twice as wide."""

    def call(self, remaining_steps):
        """Shape (..., size) -> (..., 2 * size)."""
        steps = ops.cast(remaining_steps, self.compute_dtype)
        return ops.concatenate([ops.minimum(steps, 1.0), ops.minimum(steps / LONGEST_LEVEL_STEPS, 1.0)], axis=-1)

    def compute_output_shape(self, input_shape):
        """Twice as wide."""
        return (*input_shape[:-1], 2 * input_shape[-1])


class Table(layers.Layer):
    """A vector for each class; called with anything, it gives all of them."""

    def __init__(self, num_rows: int, units: int, spread: float, **kwargs) -> None:
        super().__init__(**kwargs)
        self.num_rows, self.units, self.spread = num_rows, units, spread

    def build(self, _):
        """Makes the table, shape (num_rows, units)."""
        initializer = keras.initializers.RandomNormal(stddev=self.spread)
        self.rows = self.add_weight(shape=(self.num_rows, self.units), initializer=initializer, name="rows")

    def call(self, _):
        """Shape (num_rows, units)."""
        return ops.convert_to_tensor(self.rows, dtype=self.compute_dtype)

    def compute_output_spec(self, _):
        """As `call`."""
        return keras.KerasTensor((self.num_rows, self.units), dtype=self.compute_dtype)


class SumOfRows(layers.Layer):
    """Sums the vectors of several classes; each feature has a table, each of its slots a part of it."""

    def __init__(self, features: tuple[Feature, ...], **kwargs) -> None:
        super().__init__(**kwargs)
        self.first_rows: list[int] = []  # of each column in all tables one below the other
        num_rows = 0
        for feature in features:
            self.first_rows += range(num_rows, num_rows + feature.num_rows, feature.size)
            num_rows += feature.num_rows

    def call(self, tables, classes):
        """Shapes (num_rows, units) and (batch, window) or (batch, window, slots), of each -> (batch, window, units)."""
        columns = [one if len(one.shape) == 3 else ops.expand_dims(one, -1) for one in classes]
        places = ops.concatenate(columns, axis=-1) + ops.array(self.first_rows, "int32")  # (batch, window, columns)
        batch, window, num_columns = ops.shape(places)
        flat = ops.reshape(places, (-1, num_columns))
        return ops.reshape(sum_of_rows(ops.concatenate(tables, axis=0), flat), (batch, window, tables[0].shape[-1]))

    def compute_output_spec(self, tables, classes):
        """As `call`."""
        return keras.KerasTensor((*classes[0].shape[:2], tables[0].shape[-1]), dtype=self.compute_dtype)


def sum_of_rows(table, places):
    """Sums rows of a table.

    One column of places after the other, for a CPU has to move ten times as much where all are looked up at once.

    Args:
        table: shape (num_rows, units).
        places: which rows, shape (num_sums, num_columns).

    Returns:
        Shape (num_sums, units).
    """
    if keras.backend.backend() == "torch":
        from torch.nn.functional import embedding_bag

        return embedding_bag(places, table, mode="sum")
    return _sum_of_rows(table, ops.transpose(places))


@ops.custom_gradient
def _sum_of_rows(table, places):
    """As `sum_of_rows`, the places of shape (num_columns, num_sums); gives its gradients, too."""
    num_columns, num_sums = places.shape[0], ops.shape(places)[1]

    def add(column, total):
        return total + ops.take(table, places[column], axis=0)

    def gradients(*args, upstream=None):
        of_sums = args[0] if upstream is None else upstream  # (num_sums, units)

        def add_back(column, of_table):
            return ops.scatter_update(of_table, ops.expand_dims(places[column], -1), of_sums, reduction="add")

        return ops.fori_loop(0, num_columns, add_back, ops.zeros_like(table)), None

    return ops.fori_loop(0, num_columns, add, ops.zeros((num_sums, table.shape[1]), table.dtype)), gradients


class Dropout(layers.Dropout):
    """Keras' dropout from a quarter of the random numbers, which are most of its time on a CPU.

    Each gives four draws of seven bits, so that the rate is a multiple of 1/128.
    """

    def call(self, inputs, training=False):
        """Any shape, the same out."""
        if not training or not self.rate or keras.backend.backend() == "torch":  # PyTorch's own is faster
            return super().call(inputs, training=training)
        *rows, units = ops.shape(inputs)
        bits = keras.random.randint((*rows, -(-units // 4)), 0, 2**28, "int32", seed=self.seed_generator)
        draws = ops.concatenate([ops.bitwise_and(ops.right_shift(bits, 7 * part), 127) for part in range(4)], axis=-1)
        least = round(128 * self.rate)
        return ops.where(draws[..., :units] >= least, inputs * (128 / (128 - least)), 0.0)


class Suggestions(layers.Layer):
    """Adds to the logits of classes that are suggested, as much as the network trusts each source (a pointer)."""

    def call(self, logits, trust, *suggested):
        """Shapes (..., classes), (..., sources) and for each source (...) -> (..., classes)."""
        num_classes = logits.shape[-1]  # a source that suggests nothing names the class after the last
        for source, classes in enumerate(suggested):
            points_at = ops.one_hot(classes, num_classes + 1, dtype=logits.dtype)[..., :num_classes]
            logits = logits + trust[..., source, None] * points_at
        return logits

    def compute_output_shape(self, logits_shape, *_):
        """As the logits."""
        return logits_shape


class Distances(layers.Layer):
    """Logits of distances from a class, as logits of classes; 0 where there is none to count from."""

    def call(self, by_distance, base):
        """Shapes (..., 2 * classes - 1) and (...) -> (..., classes)."""
        size = (by_distance.shape[-1] + 1) // 2
        is_known = ops.cast(base < size, by_distance.dtype)[..., None]
        distances = ops.arange(size, dtype="int32") - ops.minimum(base, size - 1)[..., None]  # (..., classes)
        places = distances + (size - 1)  # of distance 0 the one in the middle
        return is_known * ops.take_along_axis(by_distance, places, axis=-1)

    def compute_output_shape(self, by_distance_shape, base_shape):
        """One logit a class."""
        return (*base_shape, (by_distance_shape[-1] + 1) // 2)


class Degrees(layers.Layer):
    """Logits of the degrees above a tonic, as logits of pitches; 0 where there is no tonic."""

    def __init__(self, num_pitches: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.num_pitches = num_pitches

    def call(self, by_degree, tonic):
        """Shapes (..., 12) and (...), 0 for none and 1 to 12 for C to B -> (..., num_pitches)."""
        is_known = ops.cast(tonic > 0, by_degree.dtype)[..., None]
        pitches = ops.arange(self.num_pitches, dtype="int32")
        degrees = (pitches - tonic[..., None] + 1) % NUM_PITCH_CLASSES  # (..., num_pitches)
        return is_known * ops.take_along_axis(by_degree, degrees, axis=-1)

    def compute_output_shape(self, by_degree_shape, tonic_shape):
        """One logit a pitch."""
        return (*tonic_shape, self.num_pitches)


class NumberLogits(layers.Layer):
    """Log probabilities of classes that stand for numbers, from a mixture of Laplace distributions and atoms.

    The negative log-likelihood of a Laplace distribution is |number - location| / width: its location learns by the
    L1 loss, and how sure it is, is learnt as well. Several of them, cut at the borders between classes, can say "a
    quarter or an eighth, nothing between", which the mean or the median of one cannot; atoms give single classes, such
    as the shift 0 of a chord, a probability of their own. After Salimans et al., 2017, "PixelCNN++", who mix logistic
    distributions.
    """

    def __init__(self, borders: tuple[float, ...], atoms: tuple[int, ...], size: int, **kwargs) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.borders, self.atoms, self.size = borders, atoms, size

    def call(self, values):
        """Shape (..., `num_values`) -> (..., size)."""
        num_atoms = len(self.atoms)
        weights, locations, widths = parts_of(values, num_atoms)
        shares = ops.softmax(weights)  # (..., num_atoms + NUM_COMPONENTS), 1 in all
        widths = ops.exp(ops.minimum(widths, 0.0)) + LEAST_WIDTH  # (..., NUM_COMPONENTS)
        # Each location learns by the slope of L1, which is 1, not by that of the likelihood, 1 / width: narrow
        # components would outshout all other heads.
        locations = _with_scaled_gradient(locations, widths) + ops.linspace(-SPREAD, SPREAD, NUM_COMPONENTS)
        chances = self._chances_of_components(shares[..., num_atoms:], locations, widths)  # (..., size)
        for place, atom in enumerate(self.atoms):
            chances = chances + shares[..., place, None] * ops.one_hot(atom, self.size)
        return ops.log((1 - LEAST_CHANCE) * chances + LEAST_CHANCE / self.size)

    def _chances_of_components(self, shares, locations, widths):
        """What the Laplace distributions give to each class in all; three of (..., NUM_COMPONENTS) -> (..., size)."""
        far = (ops.array(self.borders, "float32") - locations[..., None]) / widths[..., None]
        below_border = 0.5 + 0.5 * ops.sign(far) * (1 - ops.exp(-ops.abs(far)))  # (..., NUM_COMPONENTS, size - 1)
        below_border = ops.einsum("...k,...kn->...n", shares, below_border)  # (..., size - 1), of all components
        below_all = ops.sum(shares, axis=-1, keepdims=True)  # (..., 1): no border above the last class
        up_to_class = ops.concatenate([below_border, below_all], axis=-1)  # (..., size)
        before_class = ops.concatenate([ops.zeros_like(below_all), below_border], axis=-1)  # (..., size)
        return up_to_class - before_class

    def compute_output_shape(self, values_shape):
        """One logit a class."""
        return (*values_shape[:-1], self.size)


def _with_scaled_gradient(values, factors):
    """The values as they are, the gradients that come back through them times the factors; shapes alike."""
    fixed = ops.stop_gradient(values)
    return fixed + ops.stop_gradient(factors) * (values - fixed)


class Flip(layers.Layer):
    """The other way round in time."""

    def call(self, sequences):
        """Shape (batch, steps, units), the same out."""
        return ops.flip(sequences, axis=1)


class Newest(layers.Layer):
    """The last step alone."""

    def call(self, sequences):
        """Shape (batch, steps, units) -> (batch, 1, units)."""
        return sequences[:, -1:]

    def compute_output_shape(self, sequences_shape):
        """A single step."""
        return (sequences_shape[0], 1, sequences_shape[2])


class Attend(layers.Layer):
    """Multi-head scaled dot-product attention (Vaswani et al., 2017)."""

    def __init__(self, num_heads: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def call(self, query, key, value):
        """Shapes (batch, asking, units), (batch, steps, units), (batch, steps, units) -> (batch, asking, units)."""
        return ops.reshape(
            ops.dot_product_attention(self._parted(query), self._parted(key), self._parted(value)), ops.shape(query)
        )

    def _parted(self, vectors):
        return ops.reshape(vectors, (*ops.shape(vectors)[:2], self.num_heads, vectors.shape[-1] // self.num_heads))

    def compute_output_shape(self, query_shape, *_):
        """As the query."""
        return query_shape


class NegativeLogLikelihood(layers.Layer):
    """Nats of each target under the logits; 0 where the target is not asked (negative)."""

    def __init__(self, **kwargs) -> None:
        super().__init__(dtype="float32", **kwargs)

    def call(self, logits, target):
        """Shapes (..., classes) and (...) -> (...)."""
        asked = ops.cast(target >= 0, "float32")
        nats = ops.sparse_categorical_crossentropy(ops.maximum(target, 0), logits, from_logits=True)
        return nats * asked

    def compute_output_shape(self, logits_shape, target_shape):
        """One number a row."""
        return target_shape

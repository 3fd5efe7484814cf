"""A second simulator, of SGLang's scheduler (0.5.23, as recorded) without a radix cache: chunks, mixed steps, the overlap schedule, requests that
announce to ignore EOS, pages. Written from the rules and not from the program. A step takes 1; its lines are those of the log of decisions.
"""
import math

from plain_engine import ceil

CLIP, STEPS_AHEAD = 4096, 20


class Request:
    def __init__(self, name, arrival, prompt, output, max_tokens):
        self.id, self.arrival, self.prompt, self.output, self.most = name, arrival, prompt, output, max_tokens
        self.generated = self.kept = self.prefix = self.retractions = 0
        self.was_run = self.was_retracted = self.done = self.has_row = False

    @property
    def fill(self):
        return self.prompt + self.generated

    @property
    def left(self):
        return self.most - self.generated


class Batch:
    def __init__(self, mode, requests):
        self.mode, self.requests = mode, requests
        self.line, self.entries, self.end = None, [], None


class Budget:
    """What a step's prompts may still take: of the pool with all that is foreseen, and now; of the step's tokens, and of its chunk."""

    def __init__(self, engine, foreseen, decodes):
        self.page, self.free, self.ends = engine.page, engine.free, None
        self.total, self.now = decodes + foreseen, decodes
        self.input, self.chunk = engine.input - decodes, engine.chunk - decodes if engine.chunk else float("inf")

    @property
    def left(self):
        return self.free - self.total

    def reserve(self, tokens, foreseen):
        whole = ceil(tokens, self.page) * self.page
        self.total += whole + self.page + foreseen
        self.now += whole + self.page
        self.input -= whole
        self.chunk -= whole

    def state(self):
        if self.left <= 0 or self.free - self.now <= 0:
            return "no token"
        return "other" if self.input <= 0 or self.chunk <= 0 else "go on"


class Engine:
    """rules: page, pool (tokens), running, chunk (0: none), input, overlap, mixed, ignore_eos, conservativeness, longest (of a request)."""

    def __init__(self, rules):
        self.__dict__.update(rules)
        self.free, self.rows = self.pool // self.page * self.page, self.running
        self.first_ratio = min(1.0, 0.7 * self.conservativeness)
        self.least_ratio = 0.14 * self.first_ratio
        self.decay = (self.first_ratio - self.least_ratio) / 600
        self.ratio, self.batch, self.full = self.first_ratio, [], False
        self.waiting, self.chunked, self.last, self.flying = [], None, None, None

    def up(self, tokens):
        return ceil(tokens, self.page) * self.page

    def arrive(self, request):
        request.most = max(0, min(request.most, self.longest - request.prompt - 1))
        request.most = max(0, min(request.most, self.pool // self.page * self.page - self.up(request.prompt) - self.page - 1))
        self.waiting.append(request)

    def let_go(self, request):
        self.free += self.up(request.kept)
        request.kept = request.prefix = 0
        if request.has_row:
            request.has_row = False
            self.rows += 1

    # Prompts ---------------------------------------------------------------------------------

    def merge_last(self):
        if self.chunked:
            self.chunked.prefix = self.chunked.kept
        if self.last and self.last.mode in ("extend", "mixed"):
            stay = [request for request in self.last.requests if not request.done and request is not self.chunked]
            if len(stay) < len(self.last.requests):
                self.full = False
            if stay and not self.batch:
                self.batch, self.full = stay, False
            else:
                self.batch = self.batch + stay
        stay = [request for request in self.batch if not request.done]
        if len(stay) < len(self.batch):
            self.full = False
        self.batch = stay

    def runs_to_the_end(self, request, budget, admitted):
        """With all others that run, each to its announced end."""
        whole = self.up(request.fill) + self.page
        if whole > min(self.free - budget.now, budget.left):
            return False
        if budget.ends is None:
            requests = [request] + self.batch + [one for one, _ in admitted]
            budget.ends = sorted(((one.left, one.fill) for one in requests if one.left > 0), key=lambda end: end[0])
        elif request.left > 0:
            later = [i for i, (left, _) in enumerate(budget.ends) if left >= request.left]
            budget.ends.insert(later[0] if later else max(0, len(budget.ends) - 1), (request.left, request.fill))
        return self.ends_fit(budget.ends, self.free - budget.now - whole)

    def ends_fit(self, ends, base):
        freed = 0
        for i, (left, fill) in enumerate(ends):
            behind = len(ends) - i
            if base + freed - left * behind <= behind:
                return False
            freed += fill
        return True

    def admit(self, request, budget, admitted):
        if self.ignore_eos:
            if not self.runs_to_the_end(request, budget, admitted):
                return "no token"
            if request.fill > budget.chunk:
                return self.cut(request, budget, admitted, budget.chunk)
        else:
            if not request.fill + min(max(request.left, 0), CLIP) + self.page < budget.left:
                return "no token"
            if self.up(request.fill) > budget.chunk:
                return self.cut(request, budget, admitted, budget.chunk // self.page * self.page)
            if self.chunk == 0 and admitted and self.up(request.fill) >= budget.input:
                return "other"
        admitted.append((request, request.fill))
        budget.reserve(request.fill, min(request.most, CLIP))
        return budget.state()

    def cut(self, request, budget, admitted, tokens):
        if tokens <= 0:
            return "other"
        admitted.append((request, tokens))
        budget.reserve(tokens, 0)
        self.chunked = request
        return budget.state()

    def choose_prompts(self):
        """[(request, tokens)]"""
        if not self.batch:
            self.full = False
        if (self.full or not self.waiting) and not self.chunked:
            return []
        if min(self.running - len(self.batch), self.rows) <= 0 and not self.chunked:
            self.full = True
            return []
        share = 1.0 if self.ignore_eos else self.ratio
        foreseen = 0
        for request in self.batch:
            foreseen += min(request.left, CLIP) * share
        budget, admitted = Budget(self, foreseen, len(self.batch) if self.mixed else 0), []
        if self.chunked:
            request = self.chunked
            most = min(budget.chunk, int(budget.left))
            most = budget.chunk if most <= 0 else most
            tokens = min(request.fill - request.prefix, most)
            is_cut = tokens < request.fill - request.prefix
            admitted.append((request, tokens))
            budget.reserve(tokens, 0 if is_cut else min(request.most, CLIP))
            self.chunked = request if is_cut else None
        for request in list(self.waiting):
            if budget.state() == "other":
                break
            if len(admitted) >= min(self.running - len(self.batch), self.rows + sum(one.has_row for one, _ in admitted)):
                self.full = True
            if self.full:
                break
            result = self.admit(request, budget, admitted)
            if admitted and admitted[-1][0] is request:
                self.waiting.remove(request)
            if result != "go on":
                if result == "no token":
                    self.full = bool(admitted or self.batch)
                break
        return admitted

    def prefill(self, admitted):
        batch = Batch("extend", [request for request, _ in admitted])
        scheduled = []
        for request, tokens in admitted:
            flag = "c" if request.has_row else "r" if request.was_retracted else "n"
            scheduled.append([request.id, tokens, flag])
            if not request.has_row:
                request.has_row = True
                self.rows -= 1
            self.free -= self.up(request.prefix + tokens) - self.up(request.kept)
            request.kept = request.prefix + tokens
            batch.entries.append((request, request.kept == request.fill, request.retractions))
        if self.mixed and self.batch:
            if self.flying:
                stay = [request for request in self.batch if not self.is_finishing(request)]
                if len(stay) < len(self.batch):
                    self.batch, self.full = stay, False
            if self.batch and self.page * self.pages_short(self.batch) <= self.free:
                batch.mode = "mixed"
                self.decode_all(self.batch, batch, scheduled)
                batch.requests = batch.requests + self.batch
                self.batch = []
        return batch, scheduled

    # Decodes ---------------------------------------------------------------------------------

    def is_finishing(self, request):
        return any(one is request and samples for one, samples, _ in self.flying.entries) and request.generated + 1 >= request.most

    def pages_short(self, requests):
        return sum(request.kept % self.page == 0 for request in requests)

    def decode_all(self, requests, batch, scheduled):
        for request in requests:
            self.free -= self.page if request.kept % self.page == 0 else 0
            request.kept += 1
            scheduled.append([request.id, 1, "d"])
            batch.entries.append((request, True, request.retractions))

    def retract(self):
        order = sorted(self.batch, key=lambda one: (one.generated, -one.prompt), reverse=True)
        retracted = []
        while len(order) > 1 and (not retracted or self.page * self.pages_short(order) > self.free):
            victim = order.pop()
            self.let_go(victim)
            victim.was_retracted = True
            victim.retractions += 1
            retracted.append(victim)
        assert self.page * self.pages_short(order) <= self.free, "one request is too large for the pool"
        self.batch = order
        self.waiting += retracted
        self.ratio = min(1.0, (sum(one.generated for one in order) + STEPS_AHEAD * len(order)) / (sum(one.most for one in order) + 1))
        return [one.id for one in retracted]

    def decode(self):
        before, retracted = len(self.batch), []
        finishing = [request for request in self.batch if self.flying and self.is_finishing(request)]
        self.batch = [request for request in self.batch if request not in finishing]
        if not self.batch:
            self.full = False
            return None, [], []
        short = self.page * self.pages_short(self.batch) > self.free
        if short and finishing:
            self.full = False
            return None, [], []
        if short:
            retracted = self.retract()
        else:
            self.ratio = max(self.ratio - self.decay, self.least_ratio)
        if len(self.batch) < before:
            self.full = False
        batch, scheduled = Batch("decode", self.batch), []
        self.decode_all(self.batch, batch, scheduled)
        return batch, scheduled, retracted

    # The loop --------------------------------------------------------------------------------

    def decide(self):
        self.merge_last()
        admitted, retracted = self.choose_prompts(), []
        if admitted:
            batch, scheduled = self.prefill(admitted)
        elif self.batch:
            batch, scheduled, retracted = self.decode()
        else:
            batch, scheduled = None, []
        if batch:
            batch.line = {"mode": batch.mode, "scheduled": scheduled, "free": self.free, "waiting": len(self.waiting), "running": len(self.batch),
                          "ratio": round(self.ratio, 9), "full": self.full, "tokens": 0}
            batch.line.update({"retracted": retracted} if retracted else {})
        return batch

    def process(self, batch):
        finished = []
        for request, samples, retractions in batch.entries:
            if request.done or retractions != request.retractions or not samples:
                continue
            request.generated += 1
            batch.line["tokens"] += 1
            if request.generated >= min(request.most, request.output):
                request.done = True
                finished.append(request.id)
                self.let_go(request)
        if finished:
            batch.line.update(finished=finished, free_end=self.free)


def simulate(rules, requests):
    """The lines of its log; requests are in order of arrival."""
    engine, lines, now, free_at, coming = Engine(rules), [], 0, 0, list(requests)
    while True:
        while coming and coming[0].arrival <= now:
            engine.arrive(coming.pop(0))
        batch = engine.decide()
        if batch:
            batch.line["step"] = max(now, free_at)
            batch.end = free_at = batch.line["step"] + 1
            lines.append(batch.line)
        landing = engine.flying if engine.overlap else batch
        if landing:
            now = max(now, landing.end)
            engine.process(landing)
        if not batch and not landing:
            if not engine.waiting and not engine.batch and not engine.chunked:
                engine.ratio = engine.first_ratio
            if not coming:
                assert not engine.waiting and not engine.batch, "it stands still"
                return lines
            now = max(now, math.ceil(coming[0].arrival))  # the executor's clock ticks on
        engine.last, engine.flying = batch, batch if engine.overlap else None

"""A second simulator, of the scheduler of vLLM 0.8 to 0.33: prefixes that are kept and shared, asynchronous decisions, chunks, thresholds,
watermark, prefill interval, whole-prompt gate, all together. Written from the rules and not from the program: blocks are objects in lists,
decisions are made one by one. A step takes 1; its lines are those of the log of decisions.
"""
import math

from plain_engine import ceil


class Block:
    def __init__(self):
        self.holders, self.content = 0, None


class Request:
    def __init__(self, name, arrival, prompt, output, hashes, hash_tokens):
        self.id, self.arrival, self.prompt, self.output = name, arrival, prompt, output
        self.hashes, self.hash_tokens = hashes, hash_tokens
        self.generated = self.computed = self.placeholders = self.preemptions = 0
        self.blocks, self.prefilling, self.running, self.was_run, self.done = [], True, False, False, False

    @property
    def length(self):
        return self.prompt + self.generated

    def content(self, tokens):
        """Of the first `tokens` tokens, which is what a block that ends with them is known by."""
        shared = min(tokens, self.prompt if self.hashes else 0)
        known = tuple(self.hashes[:ceil(shared, self.hash_tokens)]) if self.hashes else ()
        return tokens, known, self.id if tokens > shared or not self.hashes else None


class Engine:
    """rules: version, block_size, blocks, seqs, active, budget, longest (max_model_len), threshold, chunked, caching, asynchronous, gate, watermark
    (blocks), interval."""

    def __init__(self, rules):
        self.__dict__.update(rules)
        self.free = [Block() for _ in range(self.blocks - 1)]  # one is the engine's
        self.cached, self.waiting, self.running = {}, [], []
        self.executed, self.last_prefill, self.bound = 0, -self.interval, False

    # Blocks ----------------------------------------------------------------------------------

    def register(self, request, tokens):
        for i in range(tokens // self.block_size if self.caching else 0):
            block = request.blocks[i]
            if block.content is None:
                block.content = request.content((i + 1) * self.block_size)
                self.cached.setdefault(block.content, []).append(block)

    def take(self, request, count):
        for _ in range(count):
            block = self.free.pop(0)
            if block.content is not None:
                self.cached[block.content].remove(block)
                block.content = None
            block.holders = 1
            request.blocks.append(block)

    def give_back(self, request):
        idle = []
        for block in reversed(request.blocks):
            block.holders -= 1
            if block.holders == 0:
                idle.append(block)
        first = [block for block in idle if block.content is None] if self.version >= 24 else []
        self.free = first + self.free + [block for block in idle if block not in first]
        request.blocks = []

    def find_hit(self, request):
        hit = []
        for i in range((request.length - 1) // self.block_size if self.caching else 0):
            copies = self.cached.get(request.content((i + 1) * self.block_size))
            if not copies:
                break
            hit.append(copies[0])
        return hit

    # A decision ------------------------------------------------------------------------------

    def limited(self, tokens):
        return self.threshold if 0 < self.threshold < tokens and not self.lone else tokens

    def schedule(self, request, tokens, flag):
        request.computed += tokens
        samples = request.computed >= request.length + request.placeholders
        if samples:
            request.placeholders += self.asynchronous
            request.prefilling = False
        self.scheduled.append([request.id, tokens, flag])
        self.entries.append((request, samples, request.preemptions))
        self.left -= tokens

    def preempt(self, victim):
        victim.running = False
        self.give_back(victim)
        victim.computed, victim.placeholders, victim.prefilling = 0, 0, True
        victim.preemptions += 1
        self.waiting.insert(0, victim)
        self.preempted.append([victim.id, "recompute"])

    def run_running(self, hold):
        i = 0
        while i < len(self.running) and self.left > 0:
            request = self.running[i]
            i += 1
            last_is_coming = request.placeholders > 0 and request.computed + 2 - request.placeholders >= request.prompt + request.output
            if last_is_coming or (hold and request.prefilling):
                continue
            tokens = self.limited(request.length + request.placeholders - request.computed)
            tokens = min(tokens, self.left, self.longest - 1 - request.computed)
            if tokens <= 0:
                continue
            need = ceil(min(request.computed + tokens, self.longest), self.block_size) - len(request.blocks)
            while need > len(self.free):
                victim = self.running.pop()
                self.preempt(victim)
                if victim is request:
                    return
            self.take(request, max(0, need))
            self.register(request, min(request.computed + tokens, request.length))
            self.prefilled |= request.prefilling
            decodes = not request.prefilling or request.computed >= max(request.prompt, request.length - 1)
            self.schedule(request, tokens, "d" if decodes else "c")

    def run_waiting(self, hold):
        skipped = []
        self.admit_waiting(hold, skipped)
        self.waiting = skipped[::-1] + self.waiting

    def admit_waiting(self, hold, skipped):
        while self.waiting and self.left > 0 and len(self.running) < self.active:
            request = self.waiting[0]
            hit = self.find_hit(request)
            found = len(hit) * self.block_size
            if hold and found < request.length - 1:
                return
            tokens = self.limited(request.length - found)
            if not self.chunked and tokens > self.left:
                if self.version >= 12:
                    return
                skipped.append(self.waiting.pop(0))
                continue
            tokens = min(tokens, self.left)
            reserve = self.watermark if self.running else 0
            idle = sum(block.holders == 0 for block in hit)
            ends = ([request.length] if self.gate else []) + [found + tokens]
            if any(ceil(min(end, self.longest), self.block_size) - len(hit) + idle + reserve > len(self.free) for end in ends):
                return
            self.waiting.pop(0)
            for block in hit:
                if block.holders == 0:
                    self.free.remove(block)
                block.holders += 1
            request.blocks, request.computed, request.running = hit, found, True
            self.take(request, ceil(min(found + tokens, self.longest), self.block_size) - len(hit))
            self.register(request, min(found + tokens, request.length))
            self.running.append(request)
            self.prefilled |= found < request.length - 1
            if found:
                self.hits.append([request.id, found])
            self.schedule(request, tokens, "r" if request.was_run else "n")
            request.was_run = True

    def decide(self):
        """The line of this decision, and what it computes."""
        self.scheduled, self.entries, self.preempted, self.hits, self.left, self.prefilled = [], [], [], [], self.budget, False
        self.lone = self.version >= 31 and len(self.running) + len(self.waiting) <= 1
        hold = (self.interval > 1 and not self.bound and self.executed + 1 - self.last_prefill < self.interval and
                any(not request.prefilling for request in self.running))
        self.run_running(hold)
        if not self.preempted:
            self.run_waiting(hold)
            if not hold:
                self.bound = bool(self.waiting)
        self.executed += bool(self.entries)
        if self.prefilled:
            self.last_prefill = self.executed
        line = {"scheduled": self.scheduled, "gpu_free": len(self.free), "waiting": len(self.waiting), "running": len(self.running), "tokens": 0}
        line.update({"preempted": self.preempted} if self.preempted else {}, **({"cached": self.hits} if self.hits else {}))
        return line, self.entries

    def deliver(self, line, entries):
        finished = []
        for request, samples, preemptions in entries:
            if request.done or not samples:
                continue
            line["tokens"] += 1
            request.generated += 1
            if self.asynchronous and preemptions == request.preemptions:
                request.placeholders -= 1
                self.register(request, min(request.computed - request.placeholders, request.length))
            if request.length < self.longest and request.generated < request.output:
                continue
            request.done = True
            finished.append(request.id)
            (self.running if request.running else self.waiting).remove(request)
            self.give_back(request)
        if finished:
            line.update(finished=finished, gpu_free_end=len(self.free))


def simulate(rules, requests):
    """The lines of its log; requests are in order of arrival."""
    engine, lines, flying, now, free_at, coming = Engine(rules), [], [], 0, 0, list(requests)
    while True:
        while coming and coming[0].arrival <= now:
            engine.waiting.append(coming.pop(0))
        decided = bool(engine.waiting or engine.running)
        if decided:
            line, entries = engine.decide()
            line["step"] = max(now, free_at)
            if entries:
                free_at = line["step"] + 1
            if entries or engine.preempted:
                lines.append(line)
            flying.append((line, entries, free_at if entries else None))
        if decided and engine.asynchronous and len(flying) < 2:
            continue
        if flying:
            line, entries, end = flying.pop(0)
            if end is None and line["scheduled"] == [] and line.get("preempted") and not any(one[1] for one in flying):
                line["step"], now = max(now, free_at), max(now, free_at) + 1
            now = max(now, end or now)
            engine.deliver(line, entries)
        elif coming:
            now = math.ceil(coming[0].arrival)  # the executor's clock ticks on
        else:
            return lines

"""A second simulator, of TensorRT-LLM's capacity and micro-batch schedulers by their published rules, without block reuse and without chunks.
Written from the rules and not from the program. A step takes 1; a line is its time, who computes how many tokens, who was paused, free blocks.
"""
import math

from plain_engine import ceil


class Request:
    def __init__(self, name, arrival, prompt, output, max_tokens):
        self.id, self.arrival, self.prompt, self.output, self.most = name, arrival, prompt, output, max_tokens
        self.generated = self.kept = 0
        self.started = self.done = False

    @property
    def length(self):
        return self.prompt + self.generated


class Engine:
    """rules: policy, block_size, blocks, seqs, budget."""

    def __init__(self, rules):
        self.__dict__.update(rules)
        self.active = []  # those that run and those that wait, in order of arrival

    def blocks_at_end(self, request):
        return ceil(request.prompt + request.most, self.block_size)

    def held(self, request):
        return ceil(request.kept, self.block_size)

    def free(self):
        return self.blocks - sum(self.held(one) for one in self.active if one.started)

    def choose_to_the_end(self):
        """Who starts finds blocks for all that it may become; nobody overtakes."""
        running = [one for one in self.active if one.started]
        free, chosen = self.blocks - sum(self.blocks_at_end(one) for one in running), list(running)
        for request in self.active if not (self.policy == "static-batch" and running) else []:
            if request.started:
                continue
            free -= self.blocks_at_end(request)
            if free < 0 or len(chosen) >= self.seqs:
                break
            chosen.append(request)
        return sorted(chosen, key=self.active.index), []

    def choose_for_a_step(self):
        """Each needs room for one step; where there is none the last that has started is paused."""
        free, order, chosen, paused = self.free(), list(self.active), [], []
        while len(chosen) < min(self.seqs, len(order)):
            request = order[len(chosen)]
            need = int(request.kept % self.block_size == 0) if request.started else ceil(request.length, self.block_size)
            if need <= free:
                free -= need
                chosen.append(request)
                continue
            victims = [i for i in range(len(chosen), len(order)) if order[i].started]
            if not victims:
                break
            victim = order[victims[-1]]
            free += self.held(victim)
            victim.started, victim.kept = False, 0
            paused.append(victim.id)
            order = order[:victims[-1]]
        return chosen, paused

    def step(self, now):
        """Its line; None: nothing can be done."""
        chosen, paused = self.choose_for_a_step() if self.policy == "max-utilization" else self.choose_to_the_end()
        left, scheduled = self.budget, []
        for request in chosen:
            tokens = 1 if request.started else request.length
            if tokens > left:
                break
            left -= tokens
            scheduled.append((request, tokens))
        for request, tokens in scheduled:
            request.kept += tokens
            request.started = True
        if not scheduled and not paused:
            return None
        line = now, [[request.id, tokens] for request, tokens in scheduled], paused, self.free()
        for request, _ in scheduled:
            request.generated += 1
            request.done = request.generated >= request.output
        self.active = [one for one in self.active if not one.done]
        return line


def simulate(rules, requests):
    """The lines of its log; requests are in order of arrival."""
    engine, lines, now, coming = Engine(rules), [], 0, list(requests)
    while True:
        while coming and coming[0].arrival <= now:
            engine.active.append(coming.pop(0))
        line = engine.step(now) if engine.active else None
        if line:
            lines.append(line)
            now += 1
        elif coming:
            now = math.ceil(coming[0].arrival)
        else:
            assert not engine.active, "it stands still"
            return lines

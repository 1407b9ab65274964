// The whole loop with the unmodified openai client of Node: run by tests/core/server/test_server_node.py, which gives
// LUOPAN_BASE_URL and LUOPAN_KEY. It prints one line for each step that went well; the first that does not ends it.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

globalThis.File ??= (await import("node:buffer")).File; // Node 18

const client = new OpenAI({
  baseURL: process.env.LUOPAN_BASE_URL,
  apiKey: process.env.LUOPAN_KEY,
  maxRetries: 0,
  timeout: 30_000,
});
const BASE = "local-classic-1";
const LABELS = { fruit: "ripe apple", vehicle: "fast car", animal: "blue whale" };
const QUESTION = [{ role: "user", content: "What is the ripe apple of row 3?" }];

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function until(look, good, seconds = 60) {
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline) {
    const seen = await look();
    if (good(seen)) return seen;
    await wait(0.1);
  }
  throw new Error(`not within ${seconds} s`);
}

async function collected(iterable) {
  const found = [];
  for await (const one of iterable) found.push(one);
  return found;
}

function trainingLines(count) {
  const rows = Array.from({ length: count }, (_, number) => {
    const label = Object.keys(LABELS)[number % 3];
    const question = { role: "user", content: `What is the ${LABELS[label]} of row ${number}?` };
    return JSON.stringify({ messages: [question, { role: "assistant", content: label }] });
  });
  return Buffer.from(rows.join("\n"));
}

const ended = (job) => ["succeeded", "failed", "cancelled"].includes(job.status);
const made = {};

const steps = {
  async "lists the models"() {
    const models = await collected(client.models.list());
    assert.equal(models[0].id, BASE);
    assert.equal((await client.models.retrieve(BASE)).object, "model");
  },
  async "uploads a file and reads it again"() {
    const content = trainingLines(60);
    made.file = await client.files.create({ file: await toFile(content, "train.jsonl"), purpose: "fine-tune" });
    assert.equal(made.file.bytes, content.length);
    const found = await client.files.content(made.file.id);
    assert.deepEqual(Buffer.from(await found.arrayBuffer()), content);
    assert.ok((await collected(client.files.list({ purpose: "fine-tune" }))).some((f) => f.id === made.file.id));
  },
  async "creates a job and follows its events to the end"() {
    made.job = await client.fineTuning.jobs.create({
      model: BASE,
      training_file: made.file.id,
      suffix: "node",
      seed: 7,
      metadata: { from: "node" },
      method: { type: "supervised", supervised: { hyperparameters: { n_epochs: 4, batch_size: 4 } } },
    });
    assert.equal(made.job.object, "fine_tuning.job");
    made.job = await until(() => client.fineTuning.jobs.retrieve(made.job.id), ended);
    assert.equal(made.job.status, "succeeded", JSON.stringify(made.job.error));
    made.model = made.job.fine_tuned_model;
    const events = await collected(client.fineTuning.jobs.listEvents(made.job.id, { limit: 20 }));
    assert.ok(events.length > 20 && new Set(events.map((event) => event.id)).size === events.length);
    assert.equal(events[0].message, "The job has successfully completed");
    assert.ok(events.some((event) => event.type === "metrics" && event.data.train_loss !== undefined));
    assert.ok((await collected(client.fineTuning.jobs.list())).some((job) => job.id === made.job.id));
  },
  async "reads checkpoints and the result file"() {
    const checkpoints = await collected(client.fineTuning.jobs.checkpoints.list(made.job.id));
    assert.ok(checkpoints.length >= 1 && checkpoints[0].fine_tuned_model_checkpoint.startsWith(made.model));
    const results = await (await client.files.content(made.job.result_files[0])).text();
    assert.ok(results.startsWith("step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"));
  },
  async "asks the model"() {
    const reply = await client.chat.completions.create({
      model: made.model,
      messages: QUESTION,
      temperature: 0,
      logprobs: true,
      top_logprobs: 2,
    });
    assert.equal(reply.choices[0].message.content, "fruit");
    assert.equal(reply.choices[0].logprobs.content[0].top_logprobs.length, 2);
    assert.ok(reply._request_id.startsWith("req_"));
  },
  async "asks the model and hears it piece by piece"() {
    const stream = await client.chat.completions.create({
      model: made.model,
      messages: QUESTION,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collected(stream);
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), "fruit");
    assert.equal(chunks.at(-1).usage.completion_tokens, 1);
    const helper = client.chat.completions.stream({ model: made.model, messages: QUESTION, temperature: 0 });
    assert.equal(await helper.finalContent(), "fruit");
  },
  async "completes a bare prompt"() {
    const asked = { model: made.model, prompt: QUESTION[0].content, temperature: 0 };
    assert.equal((await client.completions.create(asked)).choices[0].text, "fruit");
    const chunks = await collected(await client.completions.create({ ...asked, stream: true }));
    assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(""), "fruit");
  },
  async "makes vectors"() {
    const input = ["a blue whale", "the blue whales"];
    const packed = await client.embeddings.create({ model: BASE, input });
    const plain = await client.embeddings.create({ model: BASE, input, encoding_format: "float", dimensions: 64 });
    assert.equal(packed.data[1].embedding.length, 512);
    assert.equal(plain.data[0].embedding.length, 64);
    const length = Math.hypot(...packed.data[0].embedding);
    assert.ok(Math.abs(length - 1) < 1e-5);
  },
  async "answers, remembers and forgets responses"() {
    const asked = { model: made.model, input: QUESTION[0].content, temperature: 0 };
    const first = await client.responses.create(asked);
    assert.equal(first.output_text, "fruit");
    const second = await client.responses.create({ ...asked, previous_response_id: first.id });
    assert.ok(second.usage.input_tokens > first.usage.input_tokens);
    assert.equal((await client.responses.retrieve(first.id)).output_text, "fruit");
    assert.equal((await collected(client.responses.inputItems.list(first.id))).length, 1);
    await client.responses.delete(first.id);
    await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError);
    const events = await collected(await client.responses.create({ ...asked, stream: true }));
    assert.equal(events[0].type, "response.created");
    const deltas = events.filter((event) => event.type === "response.output_text.delta");
    assert.equal(deltas.map((event) => event.delta).join(""), "fruit");
    assert.equal(events.at(-1).type, "response.completed");
    const final = await client.responses.stream(asked).finalResponse();
    assert.equal(final.output_text, "fruit");
  },
  async "runs a batch and reads its answers"() {
    const lines = Array.from({ length: 30 }, (_, number) => ({
      custom_id: `row-${number}`,
      method: "POST",
      url: "/v1/chat/completions",
      body: { model: made.model, messages: QUESTION, temperature: number === 7 ? 9 : 0 },
    }));
    const content = Buffer.from(lines.map((line) => JSON.stringify(line)).join("\n"));
    const file = await client.files.create({ file: await toFile(content, "batch.jsonl"), purpose: "batch" });
    const wanted = { input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" };
    const begun = await client.batches.create(wanted);
    const done = await until(() => client.batches.retrieve(begun.id), (b) => b.completed_at || b.failed_at);
    assert.deepEqual(done.request_counts, { total: 30, completed: 29, failed: 1 });
    const output = await (await client.files.content(done.output_file_id)).text();
    const answers = output.trim().split("\n").map((line) => JSON.parse(line));
    assert.ok(answers.every((line) => line.response.body.choices[0].message.content === "fruit"));
    const errors = await (await client.files.content(done.error_file_id)).text();
    assert.equal(JSON.parse(errors).custom_id, "row-7");
    assert.ok((await collected(client.batches.list())).some((batch) => batch.id === begun.id));
    await assert.rejects(client.batches.cancel(begun.id), OpenAI.ConflictError);
    const other = await client.batches.cancel((await client.batches.create(wanted)).id).catch((error) => error);
    assert.ok(other instanceof OpenAI.ConflictError || ["cancelling", "cancelled"].includes(other.status));
  },
  async "cancels a job"() {
    const job = await client.fineTuning.jobs.create({ model: BASE, training_file: made.file.id });
    const cancelled = await client.fineTuning.jobs.cancel(job.id).catch((error) => error);
    if (!(cancelled instanceof OpenAI.APIError)) assert.ok(ended(cancelled));
    assert.ok(ended(await until(() => client.fineTuning.jobs.retrieve(job.id), ended)));
  },
  async "is told what is wrong"() {
    const wrong = client.chat.completions.create({ model: made.model, messages: QUESTION, logit_bias: { 5: 1 } });
    await assert.rejects(wrong, (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, "logit_bias");
      return true;
    });
    const stranger = new OpenAI({ baseURL: process.env.LUOPAN_BASE_URL, apiKey: "wrong", maxRetries: 0 });
    await assert.rejects(collected(stranger.models.list()), OpenAI.AuthenticationError);
  },
  async "deletes what it made"() {
    assert.ok((await client.models.delete(made.model)).deleted);
    await assert.rejects(client.models.retrieve(made.model), OpenAI.NotFoundError);
    assert.ok((await client.files.delete(made.file.id)).deleted);
    await assert.rejects(client.files.retrieve(made.file.id), OpenAI.NotFoundError);
  },
};

for (const [name, step] of Object.entries(steps)) {
  await step();
  console.log(name);
}

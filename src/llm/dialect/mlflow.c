/* mlflow.c - MLflow (dialects §8.5): every value is JSON text, raw payloads in it. */
#include "llm/dialect/pair.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_pair_read(r, "mlflow.spanInputs", "mlflow.spanOutputs", true, out);
}

const struct ts_dialect ts_dialect_mlflow = {"mlflow", read_source};

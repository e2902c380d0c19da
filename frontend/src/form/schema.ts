// Fields of a form from the JSON Schema of a step type's configuration.

import { isObject, type Value } from "./render";

/** `values` are a list, or the expression that gives one. */
export type Kind = "text" | "lines" | "number" | "check" | "choice" | "list" | "values" | "yaml";

export interface FieldFacts {
  key: string;
  title: string;
  help: string;
  kind: Kind;
  isRequired: boolean;
  standard: Value | undefined;
  options: Value[];
}

export interface Schema {
  [keyword: string]: unknown;
}

// What may be longer is written over several lines.
const LONGEST_LINE = 2000;

/** The settings of a type, required ones first, then in the schema's order. */
export function fieldsOf(schema: Schema): FieldFacts[] {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const fields = Object.entries(properties).map(([key, property]) => fieldOf(key, resolved(property, schema), required.includes(key)));
  return [...fields.filter((field) => field.isRequired), ...fields.filter((field) => !field.isRequired)];
}

function fieldOf(key: string, property: Schema, isRequired: boolean): FieldFacts {
  const options = Array.isArray(property["enum"]) ? property["enum"] as Value[] : [];
  return {
    key,
    title: text(property["title"]) || key,
    help: text(property["description"]),
    kind: kindOf(property, options),
    isRequired,
    standard: property["default"] as Value | undefined,
    options,
  };
}

function kindOf(property: Schema, options: Value[]): Kind {
  if (options.length > 0) return "choice";
  switch (property["type"]) {
    case "boolean": return "check";
    case "integer":
    case "number": return "number";
    case "array": return isTextList(property["items"]) ? "list" : "yaml";
    case "string": {
      const longest = typeof property["maxLength"] === "number" ? property["maxLength"] : 0;
      return property["x-command"] === true || property["format"] === "shell" || longest > LONGEST_LINE ? "lines" : "text";
    }
    default: return "yaml";
  }
}

function isTextList(items: unknown): boolean {
  return isObject(items) && items["type"] === "string" && !("enum" in items);
}

/** A property without references and without the alternative of being null. */
function resolved(property: unknown, root: Schema): Schema {
  if (!isObject(property)) return {};
  const reference = text(property["$ref"]);
  const target = /^#\/\$defs\/(.+)$/.exec(reference)?.[1];
  const definitions = isObject(root["$defs"]) ? root["$defs"] : {};
  const whole: Schema = target && isObject(definitions[target]) ? { ...definitions[target], ...property } : property;
  const choices = Array.isArray(whole["anyOf"]) ? whole["anyOf"].filter((each) => !(isObject(each) && each["type"] === "null")) : [];
  const [only] = choices;
  return choices.length === 1 && isObject(only) ? { ...only, ...whole } : whole;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

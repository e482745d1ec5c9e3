import svelte from "eslint-plugin-svelte";
import ts from "typescript-eslint";
import svelteParser from "svelte-eslint-parser";

const tauri = {
  group: ["@tauri-apps/*"],
  message: "Only host/tauri.ts and host/bindings.ts know Tauri; take the host from the context.",
};
const hosts = {
  group: ["**/host/tauri", "**/host/fake*", "**/host/bindings"],
  message: "Import types from host/host, and take the host from the context.",
};
const features = ["setup", "inbox", "review", "decision", "outbox", "audit", "settings", "shell"];

const forbid = (files, ...patterns) => ({ files, rules: { "no-restricted-imports": ["error", { patterns }] } });

export default ts.config(
  { ignores: ["dist/", "target/", "node_modules/", "src/host/bindings.ts"] },
  ...ts.configs.recommended,
  ...svelte.configs["flat/recommended"],
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parser: svelteParser, parserOptions: { parser: ts.parser } },
  },
  {
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/consistent-type-assertions": ["error", { assertionStyle: "never" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "svelte/no-at-html-tags": "error",
      "svelte/no-navigation-without-resolve": "off",
      // A map that is replaced as a whole is watched as a whole.
      "svelte/prefer-svelte-reactivity": "off",
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_" }],
      "max-lines": ["error", { max: 300 }],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-restricted-globals": ["error", { name: "fetch", message: "The network belongs to Rust." }],
    },
  },
  { files: ["tests/**"], rules: { "max-lines": "off", "@typescript-eslint/consistent-type-assertions": "off" } },
  // Tiers: primitives <- features <- screens; no feature knows another; only the host knows Tauri.
  forbid(["src/**"], tauri, hosts),
  forbid(["src/primitives/**"], tauri, {
    group: ["**/features/**", "**/screens/**", "**/host/**", "**/routes", "**/paths"],
    message: "A primitive knows neither domain nor router.",
  }),
  ...features.map((name) =>
    forbid([`src/features/${name}/**`], tauri, hosts, {
      group: [
        "**/screens/**",
        "**/features/**",
        ...features.filter((other) => other !== name).map((other) => `../${other}/**`),
      ],
      message: "No feature knows another or a screen; a screen puts them together.",
    }),
  ),
  { files: ["src/host/**", "src/main.ts"], rules: { "no-restricted-imports": "off" } },
);

import tseslint from 'typescript-eslint';

/** Text that a person typed must never become markup. */
const MARKUP = ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'dangerouslySetInnerHTML'];

export default tseslint.config(
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { project: './tsconfig.json' } },
    rules: {
      '@typescript-eslint/explicit-function-return-type': ['error', { allowExpressions: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // As the host does: command ids live in a namespace.
      '@typescript-eslint/no-namespace': 'off',
      // A signal is given its `this` beside the method.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'max-lines': ['error', 400],
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        ...MARKUP.map(property => ({ property, message: 'Names and cells are text.' })),
        { object: 'document', property: 'write', message: 'Names and cells are text.' }
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: 'Names and cells are text.'
        }
      ]
    }
  },
  { ignores: ['lib', 'node_modules', 'eslint.config.mjs'] }
);

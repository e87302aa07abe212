import './base.css';
import './result.css';
import './past.css';
import './rule.css';
